"""A vocoder alone in a folder: ``config.json`` and ``model.safetensors``."""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors.torch import load_file, save_file

from secousti.errors import SecoustiError
from secousti.vocoder.base import Vocoder
from secousti.vocoder.build import build_vocoder
from secousti.vocoder.config import VocoderConfig


def save_vocoder(vocoder: Vocoder, config: VocoderConfig, folder: str | Path) -> None:
    """Write a vocoder and the configuration that builds it; each file appears whole."""
    from secousti.config import to_dict

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.cpu().contiguous() for name, tensor in vocoder.state_dict().items()}
    temporary = folder / f".{os.getpid()}.tmp"
    save_file(weights, temporary)
    temporary.replace(folder / "model.safetensors")
    text = json.dumps({"vocoder": to_dict(config), "mel": to_dict(vocoder.mel)}, indent=2)
    temporary.write_text(text, "utf-8")
    temporary.replace(folder / "config.json")


def load_vocoder(folder: str | Path) -> tuple[Vocoder, VocoderConfig]:
    """The vocoder saved in ``folder``, in eval mode, and its configuration.

    Raises:
        SecoustiError: a file is missing, or weights and configuration do not fit each other.
    """
    from secousti.config import MelConfig, from_dict

    folder = Path(folder)
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise SecoustiError(f"{folder} holds no vocoder: {name} is missing")
    data = json.loads((folder / "config.json").read_text("utf-8"))
    weights = load_file(folder / "model.safetensors")
    config = from_dict(VocoderConfig, data["vocoder"], where=f"{folder}/config.json")
    mel = from_dict(MelConfig, data["mel"], where=f"{folder}/config.json")
    vocoder = build_vocoder(config, mel)
    try:
        vocoder.load_state_dict(weights)
    except RuntimeError as error:
        raise SecoustiError(f"weights and configuration in {folder} differ: {error}") from None
    return vocoder.eval(), config
