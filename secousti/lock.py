"""Folders that one process at a time writes to, on every system."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from secousti.errors import SecoustiError


@contextmanager
def locked(path: Path, folder: Path, what: str = "run") -> Iterator[None]:
    """Hold the lock file ``path``; the lock ends with the process, however it ends.

    Args:
        path: the file, in a folder that exists; who holds it is noted beside it.
        folder: what it stands for. what: who else may be writing there, for the message.

    Raises:
        SecoustiError: another process holds it.
    """
    owner = path.with_name(f"{path.name}.owner")
    try:
        lock = FileLock(path)
        lock.acquire(timeout=0)
    except Timeout:
        raise SecoustiError(
            f"another {what} is writing to {folder} ({_noted(owner)}); wait for it or choose "
            "another folder"
        ) from None
    try:
        owner.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _noted(owner: Path) -> str:
    try:
        return owner.read_text(encoding="utf-8", errors="replace").strip() or "unknown process"
    except OSError:
        return "unknown process"
