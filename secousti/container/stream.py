"""Exact reads from any binary file object: files, pipes, sockets."""

from __future__ import annotations

from typing import Any, Protocol


class Readable(Protocol):
    """What a stream is read from."""

    def read(self, size: int = ..., /) -> bytes:
        """At most ``size`` bytes; none at the end."""


class Writable(Protocol):
    """What a stream is written to."""

    def write(self, data: bytes, /) -> Any:
        """Take all of ``data``."""

    def flush(self) -> None:
        """Send it on its way."""


def read_up_to(file: Readable, size: int) -> bytes:
    """``size`` bytes, fewer only at the end of the file. Raw pipes may return short reads."""
    data = file.read(size)
    while 0 < len(data) < size:
        more = file.read(size - len(data))
        if not more:
            break
        data += more
    return data or b""
