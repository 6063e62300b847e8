"""Start from a trained codec, or borrow its vocoder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from secousti.codec import SecoustiCodec
from secousti.config import MelConfig, VocoderConfig, to_dict
from secousti.errors import SecoustiError
from secousti.hub.shared import shared_vocoders, vocoder_folder
from secousti.pretrained import load_strictly
from secousti.vocoder.base import Vocoder
from secousti.vocoder.files import load_vocoder


def warm_start(codec: SecoustiCodec, name: str) -> list[str]:
    """Give ``codec`` the modules of the saved codec ``name`` that fit it; returns the others.

    A module fits when it has the same tensors of the same shapes, so that an ablation that
    changes the quantizer starts from everything but the quantizer. Whole parts that it has beside
    them (``voice_injection``, ``token_attention``) stay as they begin.

    Raises:
        SecoustiError: no such codec, or nothing of it fits.
    """
    saved = SecoustiCodec.from_pretrained(name)
    theirs = dict(saved.named_children())
    fresh, taken = [], []
    for child, module in codec.named_children():
        own = module.state_dict()
        given = theirs[child].state_dict() if child in theirs else {}
        if _fits(given, own):
            module.load_state_dict(own | given)
            taken.append(child)
        elif own:
            fresh.append(child)
    if not taken:
        raise SecoustiError(f"no module of {name} has the sizes of this configuration")
    return fresh


def _fits(given: dict[str, Tensor], own: dict[str, Tensor]) -> bool:
    """Whether ``own`` has the shapes of ``given``, and nothing else but whole parts beside it."""
    parts = {name.split(".")[0] for name in given}
    shared = {n: t.shape for n, t in own.items() if n.split(".")[0] in parts}
    return bool(given) and shared == {n: t.shape for n, t in given.items()}


def vocoder_of(name: str) -> tuple[Vocoder, VocoderConfig]:
    """The bundled vocoder ``name``, that of a folder, or that of a saved codec.

    Raises:
        SecoustiError: it has none.
    """
    if name in shared_vocoders():
        return load_vocoder(vocoder_folder(name))
    if holds_vocoder(Path(name)):
        return load_vocoder(name)
    codec = SecoustiCodec.from_pretrained(name)
    if codec.vocoder is None or codec.config.vocoder is None:
        raise SecoustiError(f"{name} has no vocoder; name a vocoder's folder or a codec with one")
    return codec.vocoder, codec.config.vocoder


def holds_vocoder(folder: Path) -> bool:
    """Whether a folder is that of a vocoder alone."""
    config = folder / "config.json"
    return config.is_file() and "vocoder" in json.loads(config.read_text("utf-8"))


def borrow_vocoder(name: str | None, mel: MelConfig, device: torch.device) -> Vocoder | None:
    """``vocoder_of`` the name, if there is one, frozen.

    Raises:
        SecoustiError: it has none, or one for other mels.
    """
    if name is None:
        return None
    vocoder, _ = vocoder_of(name)
    if to_dict(vocoder.mel) != to_dict(mel):
        raise SecoustiError(f"the vocoder of {name} was trained for other mel frames")
    return vocoder.eval().requires_grad_(False).to(device)


def matching_vocoder(mel: MelConfig) -> str | None:
    """The first bundled vocoder that speaks these mels, or None."""
    for name in shared_vocoders():
        if to_dict(load_vocoder(vocoder_folder(name))[0].mel) == to_dict(mel):
            return name
    return None


def speaking(codec: SecoustiCodec, codec_folder: Path, name: str | None) -> SecoustiCodec:
    """``codec`` with the vocoder of a folder, of another codec, or a bundled one.

    Raises:
        SecoustiError: no name, no vocoder there, or one for other mels.
    """
    if name is None:
        raise SecoustiError(f"{codec_folder} holds a SecoustiCodec: name its vocoder's folder too")
    vocoder, config = vocoder_of(name)
    if to_dict(vocoder.mel) != to_dict(codec.config.mel):
        raise SecoustiError(f"{codec_folder} and {name} use different mel frames")
    whole = SecoustiCodec(replace(codec.config, vocoder=config))
    tensors = {k: v for k, v in codec.state_dict().items() if not k.startswith("vocoder.")}
    tensors |= {f"vocoder.{k}": v for k, v in vocoder.state_dict().items()}
    load_strictly(whole, tensors, str(codec_folder))
    return whole
