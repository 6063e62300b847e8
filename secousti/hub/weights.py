"""Loading, saving and sharing codecs: ``config.json`` + ``model.safetensors``, no pickles."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

import torch
from torch import Tensor, nn

from secousti.ambient import float32_default
from secousti.config import from_dict, to_dict
from secousti.entropy import CODER_NAME
from secousti.errors import SecoustiError
from secousti.hub.absent import leave_out
from secousti.hub.identity import Identified, identity, load_coder_of
from secousti.hub.resolve import FORMAT, Parts, class_name, read_config, resolve
from secousti.hub.shared import weight_files
from secousti.hub.transformers_folder import save_for_transformers
from secousti.pretrained import (
    CONFIG_NAME,
    WeightFile,
    build,
    check_shapes,
    fill,
    save_folder,
    stored_shapes,
    stored_tensors,
)

M = TypeVar("M", bound="HubMixin")


class HubMixin(Identified):
    """``from_pretrained``, ``save_pretrained`` and ``push_to_hub`` for a codec.

    The class names its ``kind`` (what config.json calls it), its ``config_class``, and for each
    half the modules that only the other half needs.
    """

    kind: str
    config_class: type
    config: Any = None
    model_id: str = "unnamed"
    parts: Parts = "all"
    # names of modules, with dots, that are left out when one half is loaded
    not_in_encoder: tuple[str, ...] = ()
    not_in_decoder: tuple[str, ...] = ()
    _files: tuple[WeightFile, ...] = ()  # of a codec that was loaded

    @classmethod
    def from_pretrained(
        cls: type[M],
        name: str | Path,
        *,
        device: torch.device | str = "cpu",
        revision: str | None = None,
        parts: Parts = "all",
    ) -> M:
        """A model ready to use, in ``eval()``.

        Args:
            name: a bundled model (``mini-21hz``), a directory, or ``org/name`` on the Hub.
            device: where it runs.
            revision: branch, tag or commit of a Hub model.
            parts: ``encoder`` loads what makes tokens and voices, ``decoder`` what makes sound;
                the other half takes no memory, and asking for it is an error that says so.

        Raises:
            SecoustiError: no such model, wrong kind, a configuration beyond its limits, or weights
                that do not fit it (every missing or unexpected tensor is named).
        """
        if parts not in get_args(Parts):
            raise SecoustiError(f"parts must be one of {get_args(Parts)}, found {parts!r}")
        folder = resolve(name, revision)
        document = read_config(folder)
        if document.get("codec") != cls.kind:
            raise SecoustiError(_wrong_kind(name, document.get("codec"), cls.__name__))
        where = f"{folder / CONFIG_NAME}: config"
        config: Any = from_dict(cls.config_class, document["config"], where)
        with torch.inference_mode(False), float32_default():  # whatever the caller's
            model = _load(cls, config, tuple(weight_files(folder, document)), parts)
        model.model_id = document.get("model_id", Path(str(name)).name)
        model.coder = load_coder_of(folder)
        if parts == "decoder" and isinstance(document.get("token_hash"), str):
            vars(model)["token_hash"] = document["token_hash"]  # what it is made of is not here
        placed: M = model.eval().to(device)  # type: ignore[attr-defined]
        placed.prepare()  # in what precision the device has
        return placed

    def prepare(self) -> None:
        """What a codec does with itself once its weights are loaded, before it is used."""

    def current_config(self) -> Any:
        """The configuration that builds the codec as it is now."""
        return self.config

    def save_pretrained(
        self,
        folder: str | Path,
        dtype: torch.dtype | None = None,
        *,
        transformers: bool = False,
    ) -> Path:
        """Write config.json and model.safetensors into ``folder`` (made if needed).

        Args:
            folder: where; each file appears whole.
            dtype: store floating-point weights so (``torch.float16`` for a small download);
                loading gives float32 again. Without it they are stored as they are, float64 as
                float32.
            transformers: write what ``transformers.AutoModel.from_pretrained(folder,
                trust_remote_code=True)`` loads instead, in float32 (docs/integrations.md).

        Raises:
            SecoustiError: a weight that ``dtype`` cannot hold, or a codec of which one half was
                loaded.
        """
        if self.parts != "all":
            raise SecoustiError(
                f"the model {self.model_id!r} was loaded with parts={self.parts!r}: load it whole "
                "to save it"
            )
        folder = Path(folder)
        model_id = folder.name if self.model_id == "unnamed" else self.model_id
        config = to_dict(self.current_config())
        if transformers:
            return save_for_transformers(folder, self._module(), self.kind, model_id, config)
        document = {
            "codec": self.kind,
            "format": FORMAT,
            "model_id": model_id,
            "token_hash": identity(self.token_modules(), self.token_config(), dtype),
            "config": config,
        }
        tensors = {name: _stored(t, dtype) for name, t in self._module().state_dict().items()}
        save_folder(folder, document, tensors)
        if self.coder is not None:
            self.coder.save(folder / CODER_NAME)
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
        """16 hex digits of a hash over every weight's name and float32 value.

        Of the whole codec, also where one half is loaded.
        """
        if self.parts == "all":
            return hash_of(self._module())
        return _digest(stored_tensors(self._files))

    def _with_encoder(self: M) -> M:
        """The codec itself, or, where it is a decoder alone, loaded from where it came."""
        if self.parts != "decoder":
            return self
        return _load(type(self), self.config, self._files, "encoder")

    def _module(self) -> nn.Module:
        assert isinstance(self, nn.Module)
        return self


def hash_of(module: nn.Module) -> str:
    """16 hex digits of a hash over every weight's name and float32 value."""
    return _digest(sorted(module.state_dict().items()))


def _digest(tensors: Iterable[tuple[str, Tensor]]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in tensors:
        digest.update(name.encode())
        digest.update(_stored(tensor, torch.float32).cpu().numpy().tobytes())
    return digest.hexdigest()


def _load(cls: type[M], config: Any, files: tuple[WeightFile, ...], parts: Parts) -> M:
    """A codec with the weights of ``files``, or one half of them."""
    where, shapes = str(files[0][1]), stored_shapes(files)
    model: Any = build(lambda: cls(config), shapes, where)  # type: ignore[call-arg, type-var]
    check_shapes(model, shapes, where)
    model.parts, model._files = parts, files
    if parts != "all":
        leave_out(model, cls.not_in_encoder if parts == "encoder" else cls.not_in_decoder, parts)
    fill(model, files)
    loaded: M = model
    return loaded


def _wrong_kind(name: str | Path, found: Any, wanted: str) -> str:
    """One sentence for who loads a model with the class of another kind."""
    known = class_name(found)
    if known is None:
        return f"{str(name)!r} is a {found!r} model, not a {wanted}"
    return (
        f"{str(name)!r} is a {known} model, not a {wanted}: load it with {known}.from_pretrained, "
        "or with secousti.load_codec, which loads any kind"
    )


def _stored(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    tensor = tensor.detach().contiguous()
    if dtype is None and tensor.dtype == torch.float64:
        dtype = torch.float32  # a working precision, see CodecConfig.decode_precision
    return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor
