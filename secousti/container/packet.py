"""Packets without a container: speech for links that frame what they send.

Each decodes alone: frames (a byte), CRC-8 (a byte), the voice, the tokens. What else a reader must
know, the codec and the packet's length, the link tells it; a packet of another codec or entropy
coder shows in the checksum, with one chance in 256 that it does not.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from secousti.container.accounting import Accounting
from secousti.container.coders import Coder
from secousti.container.errors import ContainerError, CorruptedError
from secousti.container.header import LEARNED, PACKED, Header
from secousti.container.version2.runs import RunCodec, read_voice, store_voice

FRAMING = 2  # bytes
MAX_FRAMES = 255
CODED_VOICE = 24  # bytes
_POLYNOMIAL = 0x07


class PacketCodec:
    """Packets of one codec.

    Args:
        header: what the codec is; ``payload`` is packed or learned.
        coder: its learned codes, if it brings any along.
    """

    def __init__(self, header: Header, coder: Coder | None) -> None:
        if header.payload not in (PACKED, LEARNED):
            raise ContainerError("a packet's tokens are packed or learned")
        self.header = header
        self._coder = coder
        named = bytes.fromhex(header.token_hash)
        if header.payload == LEARNED:
            assert coder is not None
            named += bytes.fromhex(coder.token_hash)
        self._start = _crc8(named, 0)

    @property
    def voice_bytes(self) -> int:
        """Of the voice in each packet."""
        return CODED_VOICE if self.header.voice_form else self.header.paralinguistic

    def make(self, codes: NDArray[np.int64], voice: NDArray[np.int8] | None) -> bytes:
        """Tokens [num_codebooks, L] and the voice they are spoken in as one packet.

        Raises:
            ContainerError: more frames than a packet counts, or none, or no voice.
        """
        frames = codes.shape[1]
        if not 0 < frames <= MAX_FRAMES:
            raise ContainerError(f"a packet holds 1 to {MAX_FRAMES} frames, not {frames}")
        if (voice is None) == bool(self.header.paralinguistic):
            raise ContainerError("a packet of this codec needs a voice")
        spoken = b"" if voice is None else store_voice(self.header, self._coder, voice, None)
        body = spoken + RunCodec(self.header, self._coder).store(codes)
        count = bytes([frames])
        return count + bytes([_crc8(count + body, self._start)]) + body

    def read(self, data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int8] | None]:
        """Tokens [num_codebooks, L] and voice of a packet.

        Raises:
            CorruptedError: damaged, or of another codec or entropy coder.
        """
        if len(data) <= FRAMING + self.voice_bytes or data[0] == 0:
            raise CorruptedError(f"{len(data)} bytes are too few for a packet of this codec")
        if _crc8(data[:1] + data[FRAMING:], self._start) != data[1]:
            raise CorruptedError(
                "the packet is damaged or of another codec (its checksum is wrong)"
            )
        stop = FRAMING + self.voice_bytes
        voice = read_voice(self.header, self._coder, data[FRAMING:stop]) if stop > FRAMING else None
        runs = RunCodec(self.header, self._coder)
        if len(data) - stop > runs.size(data[0]):
            raise CorruptedError(f"{len(data)} bytes are too many for {data[0]} frames")
        return runs.read(data[stop:], data[0]), voice

    def split(
        self, codes: NDArray[np.int64], voice: NDArray[np.int8] | None, size: int
    ) -> Iterator[bytes]:
        """Tokens [num_codebooks, L] in as few packets of at most ``size`` bytes as they fill.

        Raises:
            ContainerError: not even one frame fits.
        """
        start = 0
        while start < codes.shape[1]:
            packet, frames = self._fullest(codes[:, start:], voice, size)
            yield packet
            start += frames

    def account(self, packet: bytes) -> Accounting:
        """Where the bits of a packet go; what frames it is counted as container."""
        voice = self.voice_bytes
        tokens = len(packet) - FRAMING - voice
        return Accounting(8 * tokens, 8 * voice, 8 * FRAMING)

    def _fullest(
        self, codes: NDArray[np.int64], voice: NDArray[np.int8] | None, size: int
    ) -> tuple[bytes, int]:
        """The packet that holds most frames, found by halving: more frames are more bytes."""
        low, high, best = 0, min(MAX_FRAMES, codes.shape[1]) + 1, b""
        while high - low > 1:
            frames = (low + high) // 2
            packet = self.make(codes[:, :frames], voice)
            if len(packet) <= size:
                low, best = frames, packet
            else:
                high = frames
        if low == 0:
            raise ContainerError(f"a packet of {size} bytes cannot hold a frame of this codec")
        return best, low


@functools.cache
def _table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = (value << 1 ^ (_POLYNOMIAL if value & 0x80 else 0)) & 0xFF
        return value

    return tuple(map(entry, range(256)))


def _crc8(data: bytes, start: int) -> int:
    table = _table()
    for byte in data:
        start = table[start ^ byte]
    return start
