"""Saving, loading and sharing models: ``config.json`` + ``model.safetensors``, no pickles."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from secousti.atomic import replacing
from secousti.config import from_dict, to_dict
from secousti.errors import SecoustiError
from secousti.hub.kinds import class_name
from secousti.hub.resolve import resolve
from secousti.hub.shared import weight_files

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
FORMAT = 1

M = TypeVar("M", bound="HubMixin")


class HubMixin:
    """``from_pretrained``, ``save_pretrained`` and ``push_to_hub`` for a codec.

    The class names its ``kind`` (what config.json calls it) and its ``config_class``.
    """

    kind: str
    config_class: type
    config: Any = None
    model_id: str = "unnamed"

    @classmethod
    def from_pretrained(
        cls: type[M],
        name: str | Path,
        *,
        device: torch.device | str = "cpu",
        revision: str | None = None,
    ) -> M:
        """A model ready to use, in ``eval()``.

        Args:
            name: a bundled model (``mini-21hz``), a directory, or ``org/name`` on the Hub.
            revision: branch, tag or commit of a Hub model.

        Raises:
            SecoustiError: no such model, wrong kind, or weights that do not fit the
                configuration (every missing or unexpected tensor is named).
        """
        folder = resolve(name, revision)
        document = read_config(folder)
        if document.get("codec") != cls.kind:
            raise SecoustiError(_wrong_kind(name, document.get("codec"), cls.__name__))
        config: Any = from_dict(
            cls.config_class, document["config"], f"{folder / CONFIG_NAME}: config"
        )
        model = cls(config)  # type: ignore[call-arg]
        assert isinstance(model, nn.Module)
        load_strictly(model, _all_weights(folder, document), str(folder / WEIGHTS_NAME))
        model.model_id = document.get("model_id", Path(str(name)).name)
        model.prepare()
        return model.eval().to(device)

    def prepare(self) -> None:
        """What a codec does with itself once its weights are loaded, before it is used."""

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype | None = None) -> Path:
        """Write config.json and model.safetensors into ``folder`` (made if needed).

        ``dtype``: store floating-point weights so (``torch.float16`` for a small download);
        loading gives float32 again. Without it they are stored as they are, float64 as float32.

        Raises:
            SecoustiError: a weight that ``dtype`` cannot hold.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "codec": self.kind,
            "format": FORMAT,
            "model_id": folder.name if self.model_id == "unnamed" else self.model_id,
            "config": to_dict(self.config),
        }
        tensors = {name: _stored(t, dtype) for name, t in self._module().state_dict().items()}
        _check_finite(tensors)
        with replacing(folder / WEIGHTS_NAME) as path:
            save_file(tensors, path)
        with replacing(folder / CONFIG_NAME) as path:
            path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        return folder

    def push_to_hub(
        self, repo_id: str, *, private: bool = False, revision: str | None = None
    ) -> str:
        """Upload the model with a model card; returns the address of the commit."""
        import tempfile

        from huggingface_hub import HfApi

        from secousti.hub.card import model_card

        api = HfApi()
        api.create_repo(repo_id, private=private, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            (Path(folder) / "README.md").write_text(model_card(self), encoding="utf-8")
            commit = api.upload_folder(repo_id=repo_id, folder_path=folder, revision=revision)
        return str(commit.commit_url)

    @functools.cached_property
    def weight_hash(self) -> str:
        """16 hex digits of a hash over every weight's name and float32 value."""
        return hash_of(self._module())

    def _module(self) -> nn.Module:
        assert isinstance(self, nn.Module)
        return self


def hash_of(module: nn.Module) -> str:
    """16 hex digits of a hash over every weight's name and float32 value."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(_stored(tensor, torch.float32).cpu().numpy().tobytes())
    return digest.hexdigest()


def read_config(folder: Path) -> dict[str, Any]:
    """The parsed config.json of a model folder.

    Raises:
        SecoustiError: missing, unreadable, or of a format newer than this version knows.
    """
    path = folder / CONFIG_NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SecoustiError(f"{folder} is not a model: it has no {CONFIG_NAME}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SecoustiError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(document, dict) or "config" not in document:
        raise SecoustiError(f"{path} is not a secousti model configuration")
    if document.get("format", 1) > FORMAT:
        raise SecoustiError(f"{path} has format {document['format']}; update secousti to read it")
    return document


def _all_weights(folder: Path, document: dict[str, Any]) -> dict[str, Tensor]:
    """A model's tensors from all files that it names."""
    return {
        prefix + name: tensor
        for prefix, path in weight_files(folder, document)
        for name, tensor in read_weights(path).items()
    }


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file, floating-point ones as float32.

    Raises:
        SecoustiError: missing or damaged file.
    """
    if not path.is_file():
        raise SecoustiError(f"the model has no weights: {path} is missing")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise SecoustiError(f"{path} is damaged: {error}") from error
    return {name: _stored(tensor, torch.float32) for name, tensor in tensors.items()}


def load_strictly(model: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Load exactly the model's tensors.

    Raises:
        SecoustiError: names every missing, unexpected or misshapen one.
    """
    own = model.state_dict()
    problems = [f"missing {name}" for name in sorted(own.keys() - tensors.keys())]
    problems += [f"unexpected {name}" for name in sorted(tensors.keys() - own.keys())]
    problems += [
        f"{name} has shape {tuple(tensors[name].shape)}, expected {tuple(own[name].shape)}"
        for name in sorted(own.keys() & tensors.keys())
        if own[name].shape != tensors[name].shape
    ]
    if problems:
        raise SecoustiError(f"{where} does not fit the model: " + "; ".join(problems))
    model.load_state_dict(tensors)


def _wrong_kind(name: str | Path, found: Any, wanted: str) -> str:
    """One sentence for who loads a model with the class of another kind."""
    known = class_name(found)
    if known is None:
        return f"{str(name)!r} is a {found!r} model, not a {wanted}"
    return (
        f"{str(name)!r} is a {known} model, not a {wanted}: load it with {known}.from_pretrained, "
        "or with secousti.load_codec, which loads any kind"
    )


def _check_finite(tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise SecoustiError(f"the weights {name} are not finite as {tensor.dtype}")


def _stored(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    tensor = tensor.detach().contiguous()
    if dtype is None and tensor.dtype == torch.float64:
        dtype = torch.float32  # a working precision, see CodecConfig.decode_precision
    return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor
