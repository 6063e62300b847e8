"""A vocoder that several bundled codecs speak through: stored once, named by each.

A bundled codec's config.json may say ``"shared_vocoder": NAME``. Its model.safetensors then holds
no ``vocoder.*`` tensors; they lie in ``bundled/vocoders/NAME``. A codec saved by
``save_pretrained`` always holds all of itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from secousti.errors import SecoustiError
from secousti.hub import resolve
from secousti.pretrained import (
    CONFIG_NAME,
    WEIGHTS_NAME,
    WeightFile,
    read_document,
    save_folder,
    stored_tensors,
)

KEY = "shared_vocoder"
_PREFIX = "vocoder."


def shared_vocoders() -> list[str]:
    """Names of the vocoders that came with the package."""
    return sorted(path.parent.name for path in _root().glob(f"*/{CONFIG_NAME}"))


def vocoder_folder(name: str) -> Path:
    """The folder of a bundled vocoder.

    Raises:
        SecoustiError: there is none of this name.
    """
    if name not in shared_vocoders():
        known = ", ".join(shared_vocoders()) or "none here"
        raise SecoustiError(f"unknown vocoder {str(name)!r}: the bundled vocoders are {known}")
    return _root() / name


def weight_files(folder: Path, document: dict[str, Any]) -> list[WeightFile]:
    """Where a model's tensors lie: a prefix of their names and a safetensors file, for each file.

    Args:
        folder: of the model.
        document: its parsed config.json.

    Raises:
        SecoustiError: it names a vocoder that this version does not have.
    """
    files = [("", folder / WEIGHTS_NAME)]
    if KEY in document:
        files.append((_PREFIX, vocoder_folder(document[KEY]) / WEIGHTS_NAME))
    return files


def share_vocoder(folder: Path, name: str) -> None:
    """Let the saved codec in ``folder`` name the bundled vocoder instead of holding it.

    Raises:
        SecoustiError: there is no such vocoder, or the codec's own differs from it.
    """
    shared = dict(stored_tensors([("", vocoder_folder(name) / WEIGHTS_NAME)]))
    tensors = dict(stored_tensors([("", folder / WEIGHTS_NAME)]))
    own = {k.removeprefix(_PREFIX): t for k, t in tensors.items() if k.startswith(_PREFIX)}
    if not _equal(own, shared):
        raise SecoustiError(f"the vocoder of {folder} is not the bundled vocoder {name!r}")
    document = read_document(folder)
    config = document.pop("config")
    document |= {KEY: name, "config": config}
    save_folder(folder, document, {k: t for k, t in tensors.items() if not k.startswith(_PREFIX)})


def _equal(own: dict[str, Tensor], shared: dict[str, Tensor]) -> bool:
    return own.keys() == shared.keys() and all(
        own[name].shape == tensor.shape and bool((own[name] == tensor).all())
        for name, tensor in shared.items()
    )


def _root() -> Path:
    return resolve.BUNDLED / "vocoders"
