"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from secousti.errors import SecoustiError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name beside ``path`` to write to, renamed to it when the block succeeds.

    Missing folders are made. When the block fails nothing is left behind and an older ``path``
    stays as it was.

    Raises:
        SecoustiError: its folder cannot be made.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SecoustiError(f"{path} cannot be written: {error.strerror or error}") from error
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
