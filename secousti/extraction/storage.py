"""Files wherever they are: local paths and any URL that fsspec opens."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import IO, Any

from secousti.errors import SecoustiError
from secousti.paths import is_to_be_entered

_TRIES = 4
_MISSING = (FileNotFoundError, PermissionError, IsADirectoryError)


class Unreachable(SecoustiError):
    """Storage did not answer: the run stops, so that no file is called bad for it."""


def filesystem(location: str) -> tuple[Any, str]:
    """The fsspec file system of ``location`` and its path there.

    Raises:
        SecoustiError: a protocol whose package is missing.
    """
    import fsspec

    try:
        fs, path = fsspec.core.url_to_fs(location)
    except (ImportError, ValueError) as error:
        raise SecoustiError(f"{location} cannot be opened: {error}") from error
    return fs, path


def open_binary(location: str) -> IO[bytes]:
    """Open for reading; seekable where the storage is.

    Raises:
        OSError: nothing there, or no permission.
        Unreachable: the storage failed several times.
    """
    fs, path = filesystem(location)
    opened: IO[bytes] = _persistently(lambda: fs.open(path, "rb"), location)
    return opened


def read_bytes(location: str) -> bytes:
    """A whole file; errors are those of ``open_binary``."""
    fs, path = filesystem(location)
    data: bytes = _persistently(lambda: fs.cat_file(path), location)
    return data


def size_of(location: str) -> int:
    """Bytes of a file."""
    fs, path = filesystem(location)
    return int(_persistently(lambda: fs.size(path), location) or 0)


def find(location: str) -> Iterator[str]:
    """Every file below a folder as (path relative to it), sorted within each folder.

    The order depends on names alone, so that it is the same on every machine and day.
    """
    fs, root = filesystem(location)
    root = root.rstrip("/")
    if os.path.isdir(root) and (not is_url(location) or location.startswith("file://")):
        paths = _walk_disk(root, os.path.realpath(root), set())
        yield from (path[len(root) + 1 :] for path in paths)
        return
    yield from (path[len(root) + 1 :] for path in _walk(fs, root))


def _walk_disk(folder: str, top: str, linked: set[str]) -> Iterator[str]:
    """As ``_walk``, with the folders that are linked in."""
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.startswith("."):
            continue
        if not os.path.isdir(path):
            yield path
        elif is_to_be_entered(folder, name, top, linked):
            yield from _walk_disk(path, top, linked)


def _walk(fs: Any, folder: str) -> Iterator[str]:
    entries = _persistently(lambda: fs.ls(folder, detail=True), folder)
    for entry in sorted(entries, key=lambda e: e["name"]):
        if entry["name"].rsplit("/", 1)[-1].startswith("."):
            continue
        if entry["type"] == "directory":
            yield from _walk(fs, entry["name"])
        else:
            yield entry["name"]


def matching(location: str, *suffixes: str) -> list[str]:
    """Locations of the files that a folder, a pattern with ``*`` or a file name stands for."""
    fs, path = filesystem(location)
    if "*" in path or "?" in path:
        paths = fs.glob(path)
    elif fs.isdir(path):
        paths = [entry["name"] for entry in fs.ls(path, detail=True) if entry["type"] == "file"]
    else:
        paths = [path]
    return [fs.unstrip_protocol(p) for p in sorted(paths) if p.endswith(suffixes)]


def is_url(location: str) -> bool:
    """Whether it names a protocol."""
    return "://" in location


def _persistently(call: Any, location: str) -> Any:
    for attempt in range(_TRIES):
        try:
            return call()
        except _MISSING:
            raise
        except OSError as error:
            if not is_url(location) or location.startswith("file://"):
                raise
            if attempt == _TRIES - 1:
                raise Unreachable(
                    f"{location} could not be read after {_TRIES} tries ({error}); "
                    "run the same command again to go on"
                ) from error
            time.sleep(2.0**attempt)
    raise AssertionError("unreachable")
