"""Reading bytes from wherever they are: a path, a file descriptor, or a URL through fsspec."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import IO

from secousti.errors import require


def open_binary(location: str | os.PathLike[str] | int) -> AbstractContextManager[IO[bytes]]:
    """Open for reading as a stream; ``https://``, ``s3://`` and others need the extra ``data``.

    Raises:
        OSError: nothing there, or no permission.
        SecoustiError: fsspec is missing.
    """
    if isinstance(location, str) and "://" in location:
        return require("fsspec", "data").open(location, "rb")
    return open(location, "rb")
