"""Start from a trained codec, or borrow its vocoder."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from secousti.codec import SecoustiCodec
from secousti.config import MelConfig, to_dict
from secousti.errors import SecoustiError
from secousti.vocoder.base import Vocoder
from secousti.vocoder.files import load_vocoder


def warm_start(codec: SecoustiCodec, name: str) -> list[str]:
    """Give ``codec`` the modules of the saved codec ``name`` that fit it; returns the others.

    A module fits when it has the same tensors of the same shapes, so that an ablation that
    changes the quantizer starts from everything but the quantizer.

    Raises:
        SecoustiError: no such codec, or nothing of it fits.
    """
    saved = SecoustiCodec.from_pretrained(name)
    theirs = dict(saved.named_children())
    fresh, taken = [], []
    for child, module in codec.named_children():
        wanted = {n: t.shape for n, t in module.state_dict().items()}
        given = theirs[child].state_dict() if child in theirs else {}
        if wanted and {n: t.shape for n, t in given.items()} == wanted:
            module.load_state_dict(given)
            taken.append(child)
        elif wanted:
            fresh.append(child)
    if not taken:
        raise SecoustiError(f"no module of {name} has the sizes of this configuration")
    return fresh


def borrow_vocoder(name: str | None, mel: MelConfig, device: torch.device) -> Vocoder | None:
    """The vocoder of the folder ``name``, or of the saved codec of that name; frozen.

    Raises:
        SecoustiError: it has none, or one for other mels.
    """
    if name is None:
        return None
    config = Path(name) / "config.json"
    if config.is_file() and "vocoder" in json.loads(config.read_text("utf-8")):
        vocoder: Vocoder | None = load_vocoder(name)[0]
    else:
        vocoder = SecoustiCodec.from_pretrained(name).vocoder
    if vocoder is None:
        raise SecoustiError(f"{name} has no vocoder; leave training.run.vocoder out")
    if to_dict(vocoder.mel) != to_dict(mel):
        raise SecoustiError(f"the vocoder of {name} was trained for other mel frames")
    return vocoder.eval().requires_grad_(False).to(device)
