"""What records say: a voice, a run of tokens, the end. Bodies <-> events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from secousti.container import records
from secousti.container.bits import pack, unpack
from secousti.container.entropy import compress, decompress
from secousti.container.errors import CorruptedError, UnsupportedError
from secousti.container.header import Header
from secousti.container.records import Record, frame_record
from secousti.container.varint import decode_varint, encode_varint

MAX_RUN = 1 << 16  # tokens in one record
PORTION = 256  # frames handed on at once: a short record may hold an hour of speech


@dataclass(frozen=True)
class Voice:
    """The paralinguistic vector from frame ``start`` on: int8 [N], value = code / 127."""

    start: int
    codes: NDArray[np.int8]


@dataclass(frozen=True)
class Tokens:
    """Frames ``start`` and following: int64 [num_codebooks, L].

    ``stored_bits``: what the token data itself takes in the file, 0 for a part of a record.
    """

    start: int
    codes: NDArray[np.int64]
    stored_bits: int = 0

    @property
    def end(self) -> int:
        """The frame after the last."""
        return self.start + self.codes.shape[1]

    def pieces(self, frames: int = PORTION) -> Iterator[Tokens]:
        """The same run in pieces of at most ``frames``; the first has the stored bits."""
        for first in range(0, self.codes.shape[1], frames):
            codes = self.codes[:, first : first + frames]
            yield Tokens(self.start + first, codes, 0 if first else self.stored_bits)


@dataclass(frozen=True)
class End:
    """The whole: frames, samples at the codec's rate, samples of the source (0: not known)."""

    frames: int
    num_samples: int
    source_num_samples: int


Event: TypeAlias = Voice | Tokens | End


def voice_record(voice: Voice) -> bytes:
    """start, then one signed byte per number."""
    return frame_record(records.VOICE, encode_varint(voice.start) + voice.codes.tobytes())


def tokens_record(start: int, codes: NDArray[np.int64], header: Header) -> tuple[bytes, int]:
    """start, frames, and the tokens frame by frame; also the bits of the token data.

    Packed, or range-coded where the payload allows it and that is shorter.
    """
    flat = codes.T.reshape(-1)
    kind, data = records.PACKED, pack(flat, header.codebook_size)
    if header.payload == "entropy":
        model, words = compress(flat, header.codebook_size, header.digits)
        if 1 + len(words) < len(data):
            kind, data = records.CODED, bytes([model]) + words
    place = encode_varint(start) + encode_varint(codes.shape[1])
    return frame_record(kind, place + data), 8 * len(data)


def end_record(end: End) -> bytes:
    """frames, samples, source samples."""
    numbers = (end.frames, end.num_samples, end.source_num_samples)
    return frame_record(records.END, b"".join(map(encode_varint, numbers)))


def parse(record: Record, header: Header) -> Event | None:
    """The event of a record; ``None`` for one that may be skipped.

    Raises:
        CorruptedError: a body that does not fit the header.
        UnsupportedError: a kind that this version does not know and may not skip.
    """
    if record.kind == records.VOICE:
        return _parse_voice(record.body, header)
    if record.kind in (records.PACKED, records.CODED):
        return _parse_tokens(record, header)
    if record.kind == records.END:
        return _parse_end(record.body)
    if record.kind.islower():
        return None
    raise UnsupportedError(f"it is of kind {record.kind.decode()!r}, which needs a newer secousti")


def run_place(body: bytes) -> tuple[int, int, int]:
    """First frame and number of frames of a token record, and where its data begins."""
    start, offset = decode_varint(body)
    count, offset = decode_varint(body, offset)
    return start, count, offset


def _parse_voice(body: bytes, header: Header) -> Voice:
    start, offset = decode_varint(body)
    codes = np.frombuffer(body, np.int8, offset=offset)
    if header.paralinguistic == 0:
        raise CorruptedError("it is a voice in a file that says it has none")
    if len(codes) != header.paralinguistic or (codes == -128).any():
        raise CorruptedError(f"it does not hold {header.paralinguistic} numbers in -127..127")
    return Voice(start, codes)


def _parse_tokens(record: Record, header: Header) -> Tokens:
    start, frames, offset = run_place(record.body)
    count = frames * header.num_codebooks
    if not 0 < count <= MAX_RUN:
        raise CorruptedError(f"it claims {count} tokens")
    data = record.body[offset:]
    bits = 8 * len(data)
    if record.kind == records.PACKED:
        flat = unpack(data, count, header.codebook_size)
    elif header.payload == "entropy" and data:
        flat = decompress(data[0], data[1:], count, header.codebook_size, header.digits)
    else:
        raise CorruptedError("it is range-coded in a file that says it is not")
    return Tokens(start, flat.reshape(frames, -1).T, bits)


def _parse_end(body: bytes) -> End:
    frames, offset = decode_varint(body)
    num_samples, offset = decode_varint(body, offset)
    source, offset = decode_varint(body, offset)
    if offset != len(body):
        raise CorruptedError("it is longer than it should be")
    return End(frames, num_samples, source)
