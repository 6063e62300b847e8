"""Records: a kind, a length, a body and a CRC-32 over all three.

A kind is a letter. A reader must understand capital letters; it skips small letters that it does
not know, so that later versions can add what older readers may ignore.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from secousti.container.errors import CorruptedError, TruncatedError
from secousti.container.stream import Readable, read_exactly, read_up_to
from secousti.container.varint import MAX_BYTES, decode_varint, encode_varint

VOICE, PACKED, CODED, END = b"P", b"T", b"R", b"E"
MAX_BODY = 1 << 18  # bytes; also what a damaged length can make a reader wait for
CRC_SIZE = 4


@dataclass(frozen=True)
class Record:
    """One whole, checked record: its kind, its body, and how many bytes it takes in the file."""

    kind: bytes
    body: bytes
    size: int


@dataclass(frozen=True)
class Head:
    """The start of a record: what is known before its body is read."""

    kind: bytes
    length: int
    raw: bytes


def frame_record(kind: bytes, body: bytes) -> bytes:
    """The bytes of a record."""
    assert len(body) <= MAX_BODY
    data = kind + encode_varint(len(body)) + body
    return data + zlib.crc32(data).to_bytes(CRC_SIZE, "little")


def read_head(file: Readable) -> Head | None:
    """The next record's kind and length; ``None`` at the end of the file.

    Raises:
        TruncatedError: the file ends in it.
        CorruptedError: it cannot be the start of a record.
    """
    raw = read_up_to(file, 1)
    if not raw:
        return None
    kind = raw
    if not (kind.isalpha() and kind.isascii()):
        raise CorruptedError("it does not begin like a record")
    while len(raw) == 1 or (raw[-1] >= 0x80 and len(raw) <= MAX_BYTES):
        raw += read_exactly(file, 1, "it")
    length, _ = decode_varint(raw, 1)
    if length > MAX_BODY:
        raise CorruptedError(f"it claims {length} bytes, more than any record has")
    return Head(kind, length, raw)


def read_body(file: Readable, head: Head, begun: bytes = b"") -> Record:
    """The rest of a record of which ``begun`` (part of its body) has been read.

    Raises:
        TruncatedError: the file ends in it.
        CorruptedError: its checksum is wrong.
    """
    wanted = head.length - len(begun) + CRC_SIZE
    rest = read_up_to(file, wanted)
    if len(rest) < wanted:
        raise TruncatedError("the file ends inside it")
    data = head.raw + begun + rest[:-CRC_SIZE]
    if zlib.crc32(data) != int.from_bytes(rest[-CRC_SIZE:], "little"):
        raise CorruptedError("its checksum is wrong")
    return Record(head.kind, data[len(head.raw) :], len(data) + CRC_SIZE)
