"""Bytes of a stream one after the other, with what they mean and the checksums over them."""

from __future__ import annotations

import binascii
import zlib
from dataclasses import dataclass

from secousti.container.errors import CorruptedError, TruncatedError
from secousti.container.stream import Readable, read_up_to
from secousti.container.varint import MAX_BYTES, decode_varint

CRC16_START = 0xFFFF


@dataclass(frozen=True)
class Field:
    """Consecutive bytes of a file and what they mean."""

    offset: int
    data: bytes
    meaning: str


class Cursor:
    """Reads exactly what is asked for.

    Attributes:
        offset: bytes read so far.
        crc32: of everything read. crc16: of everything since it was last set (CRC-16/CCITT).
        fields: what was read, if ``explain``.
    """

    def __init__(self, file: Readable, explain: bool = False) -> None:
        self._file = file
        self.offset = 0
        self.crc32 = 0
        self.crc16 = CRC16_START
        self.fields: list[Field] | None = [] if explain else None

    def begin(self, meaning: str) -> int | None:
        """The next byte; ``None`` at the end of the stream."""
        data = self._file.read(1)
        if not data:
            return None
        self._keep(data, meaning)
        return data[0]

    def take(self, size: int, meaning: str = "data") -> bytes:
        """Exactly ``size`` bytes.

        Raises:
            TruncatedError: the stream ends before.
        """
        data = read_up_to(self._file, size) if size else b""
        if len(data) < size:
            raise TruncatedError("the file ends inside it")
        self._keep(data, meaning)
        return data

    def up_to(self, size: int, meaning: str) -> bytes:
        """``size`` bytes, fewer at the end of the stream."""
        data = read_up_to(self._file, size)
        self._keep(data, meaning)
        return data

    def byte(self, meaning: str) -> int:
        """One byte."""
        return self.take(1, meaning)[0]

    def varint(self, name: str, most: int | None = None) -> int:
        """A varint of at most ``most``.

        Raises:
            CorruptedError: malformed, or more.
        """
        raw = b""
        while not raw or (raw[-1] >= 0x80 and len(raw) < MAX_BYTES):
            more = read_up_to(self._file, 1)
            if not more:
                raise TruncatedError("the file ends inside it")
            raw += more
        value, _ = decode_varint(raw)
        if most is not None and value > most:
            raise CorruptedError(f"it says {value} {name}, and at most {most} are allowed")
        self._keep(raw, f"{name}: {value}")
        return value

    def explain(self, meaning: str) -> None:
        """Say better what the last bytes mean, now that they are understood."""
        if self.fields:
            last = self.fields[-1]
            self.fields[-1] = Field(last.offset, last.data, meaning)

    def _keep(self, data: bytes, meaning: str) -> None:
        if self.fields is not None and data:
            self.fields.append(Field(self.offset, data, meaning))
        self.offset += len(data)
        self.crc32 = zlib.crc32(data, self.crc32)
        self.crc16 = binascii.crc_hqx(data, self.crc16)
