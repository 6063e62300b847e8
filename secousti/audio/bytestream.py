"""Exact reads and skips on any stream of bytes: files, pipes, memory."""

from __future__ import annotations

import io
from typing import Any, Protocol

from secousti.errors import SecoustiError

_BLOCK = 1 << 16


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int = ..., /) -> bytes:
        """At most ``size`` bytes; none at the end."""


class ByteStream:
    """Reads exactly, looks ahead, and skips: by seeking where that is possible.

    Args:
        file: need not seek.
        name: of the stream, for messages.
    """

    def __init__(self, file: Readable, name: str) -> None:
        self._file: Any = file
        self.name = name
        self._rest = b""  # read, not yet used
        self._seeks = bool(getattr(file, "seekable", bool)())

    def up_to(self, size: int) -> bytes:
        """``size`` bytes, fewer only at the end; raw pipes may give less at a time."""
        if len(self._rest) >= size:
            data, self._rest = self._rest[:size], self._rest[size:]
            return data
        parts, have = [self._rest], len(self._rest)
        self._rest = b""
        while have < size:
            more = self._file.read(min(size - have, 1 << 20))
            if not more:
                break
            parts.append(more)
            have += len(more)
        return b"".join(parts)

    def exactly(self, size: int, what: str) -> bytes:
        """``size`` bytes.

        Raises:
            SecoustiError: it ends in ``what``.
        """
        data = self.up_to(size)
        if len(data) < size:
            raise SecoustiError(f"{self.name} is cut short: it ends in {what}")
        return data

    def give_back(self, data: bytes) -> None:
        """``data`` comes next, again."""
        self._rest = data + self._rest

    def skip(self, size: int) -> int:
        """Leave out ``size`` bytes; how many there were, where the stream cannot seek."""
        held = min(size, len(self._rest))
        self._rest = self._rest[held:]
        if held == size:
            return size
        if (there := self.remaining()) is not None:  # a header may claim more than a file can be
            self._file.seek(min(size - held, there), io.SEEK_CUR)
            return size
        done = held
        while done < size and (data := self._file.read(min(size - done, _BLOCK))):
            done += len(data)
        return done

    def remaining(self) -> int | None:
        """Bytes to the end, where that can be known."""
        if not self._seeks:
            return None
        try:
            here = self._file.tell()
            end = self._file.seek(0, io.SEEK_END)
            self._file.seek(here)
        except OSError:
            return None
        return max(end - here, 0) + len(self._rest) if end else None
