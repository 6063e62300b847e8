"""Models that live in the user's files: checkouts of other projects and local weights."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from secousti.errors import SecoustiError


def local_path(path: str, owner: str, what: str) -> Path:
    """The existing path a user gave for ``what``, or one sentence that says how to give it.

    Raises:
        SecoustiError: no path was given, or nothing is there.
    """
    if not path:
        raise SecoustiError(f"{owner} needs {what}")
    if not Path(path).expanduser().exists():
        raise SecoustiError(f"{owner} needs {what}; nothing is at {path}")
    return Path(path).expanduser()


@contextmanager
def checkout(root: Path, *packages: str) -> Iterator[None]:
    """Import from the checkout at ``root`` inside the block, and from nowhere else.

    Research code names its packages ``models``, ``decoder`` or ``vq``: those in ``packages`` are
    taken out of ``sys.modules`` before and after, so two checkouts never see each other's.
    """
    hidden = _take_out(packages)
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(root))
        _take_out(packages)
        sys.modules.update(hidden)


def _take_out(packages: tuple[str, ...]) -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] in packages]
    return {name: sys.modules.pop(name) for name in names}


def import_from(root: Path, module: str, owner: str) -> ModuleType:
    """Import ``module`` from the checkout at ``root``.

    Raises:
        SecoustiError: it does not import, with the reason.
    """
    try:
        with checkout(root, module.partition(".")[0]):
            return importlib.import_module(module)
    except Exception as error:  # foreign code may fail in any way
        raise SecoustiError(
            f"{owner}: cannot import {module} from the checkout at {root} ({error})"
        ) from error


def weights_version(path: str) -> str:
    """A name for the report and the cache: of a local path with its fingerprint, else as it is."""
    local = Path(path).expanduser()
    return f"{local.name} {file_fingerprint(local)}" if path and local.exists() else path


def file_fingerprint(path: Path) -> str:
    """First 12 hex digits of the SHA-256 of a file, or of the names and sizes in a folder."""
    import hashlib

    digest = hashlib.sha256()
    if path.is_dir():
        for entry in sorted(path.rglob("*")):
            if entry.is_file():
                digest.update(f"{entry.relative_to(path)}:{entry.stat().st_size}".encode())
    else:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]
