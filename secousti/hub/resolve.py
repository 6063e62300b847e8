"""From a model's name to the folder that holds it, and to the class that loads it."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from secousti.errors import SecoustiError, note

if TYPE_CHECKING:
    import torch

    from secousti.base import Codec

BUNDLED = Path(__file__).parent / "bundled"
DEFAULT_MODEL = "mini-21hz"
FORMAT = 1  # of config.json

# What of a codec is loaded: both halves, what makes tokens and voices, or what makes sound.
Parts: TypeAlias = Literal["all", "encoder", "decoder"]

# The kinds of codec that a config.json may name: these, those that a program defines itself, and
# those of installed packages (entry points of the group ``secousti.codecs``, named by the kind).
_GROUP = "secousti.codecs"
_CLASSES = {
    "secousti": ("secousti.codec", "SecoustiCodec"),
    "p2psyn": ("secousti.p2psyn.codec", "P2PSynCodec"),
}


def add_class(cls: type) -> None:
    """Let ``load_codec`` know a subclass of ``Codec`` by its ``kind``; the first of a kind stays.

    A file can only name what is imported or installed: no other code is run on its word.
    """
    _CLASSES.setdefault(cls.kind, (cls.__module__, cls.__qualname__))  # type: ignore[attr-defined]


def load_codec(
    name: str | Path = DEFAULT_MODEL,
    *,
    device: torch.device | str = "cpu",
    revision: str | None = None,
    parts: Parts = "all",
) -> Codec:
    """The codec ``name``, of the kind that its config.json says.

    Args:
        name: a bundled model, a directory, or ``org/name`` on the Hub.
        device: where it runs.
        revision: branch, tag or commit of a Hub model.
        parts: ``encoder`` or ``decoder`` loads only that half.

    Raises:
        SecoustiError: no such model, or a kind this version does not know.
    """
    folder = resolve(name, revision)
    kind = read_config(folder).get("codec")
    cls = codec_class(kind)
    if cls is None:
        raise SecoustiError(f"{folder} holds a {kind!r} model, which this version does not know")
    codec: Codec = cls.from_pretrained(name, device=device, revision=revision, parts=parts)
    return codec


def class_name(kind: Any) -> str | None:
    """What users call this kind of codec; ``None`` for one that this version does not know."""
    home = _home(kind)
    return None if home is None else home[1]


def codec_class(kind: Any) -> Any:
    """The class of a kind, imported when first asked for; ``None`` as above."""
    home = _home(kind)
    return None if home is None else getattr(importlib.import_module(home[0]), home[1])


def _home(kind: Any) -> tuple[str, str] | None:
    """Module and name of a kind's class."""
    if not isinstance(kind, str):
        return None
    if kind not in _CLASSES:
        for point in entry_points(group=_GROUP, name=kind):
            _CLASSES[kind] = (point.module, point.attr)
    return _CLASSES.get(kind)


def bundled_models() -> list[str]:
    """Names of the codecs that came with the package."""
    return sorted(path.parent.name for path in BUNDLED.glob("*/config.json"))


def bundled_folder(name: str) -> Path:
    """Where the bundled model ``name`` lies, whether there is one or not."""
    return BUNDLED / name


def resolve(name: str | Path, revision: str | None = None) -> Path:
    """The folder of a bundled, local or Hub model (downloaded once, then cached).

    A bundled model's name means the bundled model, also where a folder of that name lies in the
    working directory; that folder is ``./name``.

    Raises:
        SecoustiError: none of the three; says what was looked for.
    """
    if str(name) in bundled_models() and not isinstance(name, Path):
        _tell_of_folder(str(name))
        return bundled_folder(str(name))
    local = Path(name).expanduser()
    if local.is_dir():
        return local
    if str(name) in bundled_models():
        return bundled_folder(str(name))
    if str(name).count("/") == 1 and not local.is_absolute():
        return _download(str(name), revision)
    raise SecoustiError(
        f"unknown model {str(name)!r}: not a directory, not on the Hub (org/name), and not one of "
        f"the bundled models ({', '.join(bundled_models()) or 'none here'})"
    )


def _tell_of_folder(name: str) -> None:
    """Say that a model in a folder of a bundled model's name was not meant."""
    if (Path(name) / "config.json").is_file():
        note(f"{name} is the bundled model; write ./{name} for the one in the folder here")


def read_config(folder: Path) -> dict[str, Any]:
    """The parsed config.json of a codec's folder.

    Raises:
        SecoustiError: missing, unreadable, or of a format newer than this version knows.
    """
    from secousti.pretrained import read_document  # brings PyTorch, which names alone don't need

    document = read_document(folder)
    path = folder / "config.json"
    if "config" not in document:
        raise SecoustiError(f"{path} is not a secousti model configuration")
    version = document.get("format", 1)
    if not isinstance(version, int):
        raise SecoustiError(f"{path}: format must be a number, found {version!r}")
    if version > FORMAT:
        raise SecoustiError(f"{path} has format {version}; update secousti to read it")
    return document


def _download(repo_id: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["config.json", "model.safetensors", "README.md"]
    try:
        return Path(snapshot_download(repo_id, revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SecoustiError(
            f"could not fetch the model {repo_id!r} from the Hub, and it is not cached: {reason}"
        ) from error
