"""The codec that is tuned, and the tuned one: everything that makes tokens stays as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from secousti.codec import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.hub.resolve import read_config, resolve
from secousti.hub.shared import weight_files
from secousti.pretrained import stored_tensors
from secousti.vocoder.files import load_vocoder
from train.codec.schedule import SYNTHESIS
from train.codec.warm_start import matching_vocoder, speaking
from train.engine.checkpoint import CheckpointFolder


def open_source(name: str) -> SecoustiCodec:
    """The codec to tune, with a vocoder: its own, or the bundled one of its mels.

    Raises:
        SecoustiError: no such codec, one of another kind, or no vocoder for it.
    """
    codec = SecoustiCodec.from_pretrained(name)
    if codec.vocoder is not None:
        return codec
    vocoder = matching_vocoder(codec.config.mel)
    if vocoder is None:
        raise SecoustiError(
            f"{name} has no vocoder, and no bundled one knows its mels: train one "
            "(python -m train.vocoder) and join them with python -m train.pack first"
        )
    coder, model_id = codec.coder, codec.model_id
    codec = speaking(codec, Path(name), vocoder)
    codec.coder, codec.model_id = coder, model_id
    return codec


def stored_dtype(name: str) -> torch.dtype:
    """In which precision a saved codec's weights lie."""
    folder = resolve(name)
    tensors = stored_tensors(weight_files(folder, read_config(folder))[:1])
    return next(tensor.dtype for _, tensor in tensors if tensor.is_floating_point())


def best_of(run: Path) -> Path:
    """The checkpoint of a run that did best on held-out recordings, else its last one.

    Raises:
        SecoustiError: it has none.
    """
    folder = CheckpointFolder(run / "checkpoints", 1)
    found = folder.best() or folder.last_good()[0]
    if found is None:
        raise SecoustiError(f"{run} has no checkpoint")
    return found


def join(source: str, tuned: Path, vocoder: Path | None, output: Path) -> SecoustiCodec:
    """``source`` with the decoder and voice of ``tuned`` and a vocoder, saved to ``output``.

    Weights are stored in the source's precision, so that those that did not train are the same
    bytes.

    Raises:
        SecoustiError: the result would not read the source's tokens.
    """
    codec, theirs = open_source(source), SecoustiCodec.from_pretrained(tuned)
    wanted = codec.token_hash
    for name in SYNTHESIS:
        given = theirs.get_submodule(name).state_dict()
        codec.get_submodule(name).load_state_dict(given)
    if vocoder is not None:
        ours, config = load_vocoder(vocoder)
        codec.vocoder, codec.config = ours, replace(codec.config, vocoder=config)
    codec.model_id = output.parent.name if output.name == "codec" else output.name
    codec.__dict__.pop("voice_hash", None)
    codec.save_pretrained(output, dtype=stored_dtype(source))
    saved = SecoustiCodec.from_pretrained(output)
    if not saved.token_hash == theirs.token_hash == wanted:
        raise SecoustiError(
            f"{tuned} was trained with other tokens than those of {source}: its training must "
            "leave the encoder, the semantic projection and the quantizer alone"
        )
    return saved
