"""Unsigned LEB128 integers: seven bits a byte, low bits first, the top bit says "more follows"."""

from __future__ import annotations

from secousti.container.errors import CorruptedError

MAX_BYTES = 9  # 63 bits: every value fits an int64


def encode_varint(value: int) -> bytes:
    """``value`` in as few bytes as it needs."""
    if not 0 <= value < 1 << (7 * MAX_BYTES):
        raise ValueError(f"a varint holds 0 to 2**63 - 1, not {value}")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_varint(data: bytes, offset: int = 0) -> tuple[int, int]:
    """The value at ``offset`` and the offset after it.

    Raises:
        CorruptedError: it does not end, or is longer than it needs to be.
    """
    value = 0
    for i, byte in enumerate(data[offset : offset + MAX_BYTES]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            if byte == 0 and i > 0:
                break
            return value, offset + i + 1
    raise CorruptedError("a number in it is malformed")
