"""A stream of bytes that cannot seek."""

from __future__ import annotations

import io


class Pipe(io.RawIOBase):
    """Bytes that arrive at most ``most`` at a time."""

    def __init__(self, data: bytes, most: int = 701) -> None:
        self.left, self.most = io.BytesIO(data), most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self.left.read(min(len(buffer), self.most))
        buffer[: len(data)] = data
        return len(data)
