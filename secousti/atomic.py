"""Files that appear whole or not at all: the one way to write them."""

from __future__ import annotations

import errno
import itertools
import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from secousti.errors import SecoustiError

# What only a write can meet, whatever the block does beside writing.
NO_ROOM = {errno.ENOSPC, errno.EROFS, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_LONGEST = 150  # bytes of the name kept in a temporary one; file systems take 255
_counter = itertools.count()  # two threads may write one file


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name beside ``path`` to write to, renamed to it when the block succeeds.

    Missing folders are made. When the block fails nothing is left behind and an older ``path``
    stays as it was. A new file has the mode that the umask gives, an older one keeps its own; a
    symbolic link stays, and what it names is replaced. The bytes are on the disk before the name
    changes.

    Raises:
        SecoustiError: the folder cannot be made or written to, the disk is full, or ``path`` is
            a folder, a device or a pipe.
    """
    with replacing_all([path]) as (partial,):
        yield partial


@contextmanager
def replacing_all(paths: Sequence[str | Path]) -> Iterator[list[Path]]:
    """The same for files that belong together: all are on the disk before the first is renamed.

    Raises:
        SecoustiError: as ``replacing``.
    """
    waiting: list[_Waiting] = []
    try:
        for path in paths:
            waiting.append(_Waiting(Path(path)))
        try:
            yield [each.partial for each in waiting]
            for each in waiting:
                each.to_disk()
            for each in waiting:
                os.replace(each.partial, each.target)
        except OSError as error:
            named = [each for each in waiting if str(each.partial) == str(error.filename)]
            if error.errno not in NO_ROOM and not named:
                raise
            raise _unwritten((named or waiting)[0].path, error) from error
    finally:
        for each in waiting:
            each.partial.unlink(missing_ok=True)


class _Waiting:
    """A file that is written under a temporary name, made empty with the mode that it will have."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.target = path.resolve() if path.is_symlink() else path
        self.partial = self.target.with_name(_temporary(self.target.name))
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            mode = _mode(self.target)
            self.partial.touch()
        except OSError as error:
            raise _unwritten(path, error) from error
        self._mode = self.partial.stat().st_mode if mode is None else mode

    def to_disk(self) -> None:
        """Have its bytes on the disk."""
        _set_mode(self.partial, self._mode)
        _to_disk(self.partial)


def _unwritten(path: Path, error: OSError) -> SecoustiError:
    return SecoustiError(f"{path} cannot be written: {error.strerror or error}")


def write_text(path: str | Path, text: str) -> None:
    """Replace ``path`` by ``text`` in UTF-8.

    Raises:
        SecoustiError: as ``replacing``.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any, indent: int | None = 2) -> None:
    """Replace ``path`` by ``value`` as JSON and a final line end.

    Raises:
        SecoustiError: as ``replacing``.
        ValueError: a number in it is NaN or infinite, which JSON does not have.
    """
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def _temporary(name: str) -> str:
    kept = os.fsencode(name)[-_LONGEST:].decode("utf-8", "ignore")
    return f".{kept}.{os.getpid()}-{next(_counter)}.part"


def _mode(path: Path) -> int | None:
    """The mode of the file that is replaced; ``None`` if there is none."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise OSError(errno.EEXIST, "it is no regular file, and is not replaced")
    return mode


def _set_mode(path: Path, mode: int) -> None:
    """Some writers make files for their owner only; some file systems have no modes."""
    with suppress(PermissionError):
        os.chmod(path, stat.S_IMODE(mode))


def _to_disk(path: Path) -> None:
    with open(path, "r+b") as file:
        os.fsync(file.fileno())
