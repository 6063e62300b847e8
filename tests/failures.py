"""A disk and a memory that fail once: the n-th write, rename, fsync or creation of a file raises an
``OSError``, the n-th allocation what PyTorch and numpy raise."""

from __future__ import annotations

import builtins
import errno
import io
import os
import pathlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import soundfile
from torch.utils._python_dispatch import TorchDispatchMode


def _full() -> Exception:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Disk:
    """Counts what is asked of the disk (or the memory), and fails once.

    Attributes:
        asked: operations so far. at: the number of the one that fails, from 1; 0 for none.
        failed: what it was.
    """

    def __init__(self, at: int = 0) -> None:
        self.asked, self.at = 0, at
        self.failed: str | None = None

    def __call__(self, what: str, error: Callable[[], Exception] = _full) -> None:
        self.asked += 1
        if self.asked == self.at:
            self.failed = what
            raise error()


class _File:
    """A file open for writing, of a disk that may fail."""

    def __init__(self, file: Any, disk: Disk) -> None:
        self._file, self._disk = file, disk

    def write(self, data: Any) -> int:
        self._disk("write")
        return int(self._file.write(data))

    def flush(self) -> None:
        self._disk("flush")
        self._file.flush()

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def failing_disk(at: int = 0, rust: tuple[str, ...] = ()) -> Iterator[Disk]:
    """Within, the operation ``at`` fails.

    Args:
        rust: functions (``module.name``) that write files where Python does not see it.
    """
    disk = Disk(at)
    opened, synced = io.open, os.fsync

    def opening(file: Any, mode: str = "r", *args: Any, **named: Any) -> Any:
        made = opened(file, mode, *args, **named)
        if not set(mode) & set("wax+") or isinstance(file, int):
            return made
        return _File(made, disk)

    def before(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            disk(what)
            return function(*args, **named)

        return call

    def fsync(number: Any) -> None:
        disk("fsync")
        synced(number)

    patches: list[Any] = [
        patch.object(builtins, "open", opening),
        patch.object(io, "open", opening),
        patch.object(os, "fsync", fsync),
        patch.object(os, "replace", before("rename", os.replace)),
        patch.object(os, "rename", before("rename", os.rename)),
        patch.object(pathlib.Path, "touch", before("create", pathlib.Path.touch)),
        patch.object(pathlib.Path, "mkdir", before("mkdir", pathlib.Path.mkdir)),
        patch.object(soundfile.SoundFile, "write", before("write", soundfile.SoundFile.write)),
    ]
    for name in rust:
        module, _, function = name.rpartition(".")
        real = getattr(__import__(module, fromlist=["_"]), function)
        patches.append(patch(name, before("write", real)))
    with ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield disk


class _Operators(TorchDispatchMode):
    """Every operator of PyTorch in this thread asks for memory."""

    def __init__(self, memory: Disk) -> None:
        super().__init__()
        self._memory = memory

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._memory(str(func), lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory"))
        return func(*args, **(kwargs or {}))


_NUMPY = ("empty", "zeros", "asarray", "ascontiguousarray", "concatenate", "frombuffer", "packbits")


@contextmanager
def failing_memory(at: int = 0) -> Iterator[Disk]:
    """Within, allocation ``at`` fails: an operator of PyTorch, an array, or sound that is read."""
    memory = Disk(at)

    def before(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            memory(what, MemoryError)
            return function(*args, **named)

        return call

    with ExitStack() as stack:
        for owner, names in ((np, _NUMPY), (soundfile.SoundFile, ("read", "buffer_read"))):
            for name in names:
                stack.enter_context(patch.object(owner, name, before(name, getattr(owner, name))))
        stack.enter_context(_Operators(memory))
        yield memory
