"""A whole recording in one run: the form of short files, with the least around its tokens."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from secousti.container.coders import Coder, Coders
from secousti.container.cursor import Cursor
from secousti.container.errors import CorruptedError
from secousti.container.events import MAX_RUN, End, Item, Run, Voice
from secousti.container.header import LEARNED, MAGIC, Header
from secousti.container.varint import encode_varint
from secousti.container.version2.facts import (
    facts,
    flags_byte,
    has_voice,
    kind_byte,
    read_facts,
)
from secousti.container.version2.runs import RunCodec, missing_coder, read_voice, store_voice

WHOLE = 1 << 7  # in the byte that is the version of other forms
TOKEN_HASH, VOICE_HASH = 4, 2  # bytes of each hash that are kept
CODED_VOICE = 24  # bytes


def whole_file(
    header: Header,
    coder: Coder | None,
    voice: NDArray[np.int8] | None,
    codes: NDArray[np.int64],
    end: End,
) -> tuple[bytes, int, int]:
    """The bytes of a file, and how many of them are tokens and voice."""
    header = replace(header, paralinguistic=0 if voice is None else header.paralinguistic)
    tokens = RunCodec(header, coder).store(codes) if codes.size else b""
    spoken = b"" if voice is None else store_voice(header, coder, voice, None)
    more = end.frames - lengths(header, _told(header, end)).frames
    data = MAGIC + bytes([WHOLE | kind_byte(header), flags_byte(header, more > 0)])
    data += bytes.fromhex(header.token_hash)[:TOKEN_HASH]
    data += bytes.fromhex(header.voice_hash)[:VOICE_HASH] if voice is not None else b""
    data += facts(header)
    numbers = [_told(header, end), *([more] if more else [])]
    numbers += [RunCodec(header, None).size(end.frames) - len(tokens)]
    data += b"".join(map(encode_varint, numbers)) + spoken + tokens
    crc = zlib.crc32(data) ^ _seal(header, coder)
    return data + crc.to_bytes(4, "little"), len(tokens), len(spoken)


def lengths(header: Header, told: int, more: int = 0) -> End:
    """What one number says: samples of the source if its rate is known, else of the codec.

    ``more``: frames that the codec makes beyond those that the samples need.
    """
    known = header.source_sample_rate is not None
    samples = header.resampled(told) if known else told
    return End(-(-samples // header.frame_size) + more, samples, told if known else 0)


def fits(header: Header, end: End) -> bool:
    """Whether a whole file can say so: its lengths follow from one number."""
    told = lengths(header, _told(header, end))
    return end.frames >= told.frames and told == End(
        told.frames, end.num_samples, end.source_num_samples
    )


class Source:
    """A whole file as items: the voice, the run, the end. One that is damaged gives none."""

    frames: int | None = 0

    def __init__(self, cursor: Cursor, kind: int, coders: Coders) -> None:
        self.cursor = cursor
        flags = cursor.byte("form of the voice, rate of the recording")
        hashes = {"token_hash": cursor.take(TOKEN_HASH, "token hash").hex()}
        if has_voice(flags):
            hashes["voice_hash"] = cursor.take(VOICE_HASH, "voice hash").hex()
        header = Header(**read_facts(cursor, kind, flags, hashes))
        self._end = self._read_lengths(header, bool(flags & 1 << 5))
        self.header = replace(header, num_samples=self._end.num_samples)
        self._coders = coders
        self._items = self._read()

    def next(self) -> Item | None:
        """The next item."""
        return next(self._items)

    def _read_lengths(self, header: Header, has_more: bool) -> End:
        told = self.cursor.varint("samples of the recording")
        more = self.cursor.varint("frames more than these need", MAX_RUN) if has_more else 0
        return lengths(header, told, more)

    def _read(self) -> Iterator[Item]:
        header, end = self.header, self._end
        if end.frames * header.num_codebooks > MAX_RUN:
            raise CorruptedError(f"it claims {end.frames} frames, more than a run has")
        runs = RunCodec(header, None)
        size = runs.size(end.frames)
        size -= self.cursor.varint("bytes fewer than packed", size)
        spoken = self._read_voice()
        data = self.cursor.take(size, "tokens")
        coder = self._unseal()
        if spoken is not None:
            codes = read_voice(header, coder, spoken)
            yield Voice(0, codes, 8 * len(spoken))
        if end.frames:
            self.frames = end.frames
            runs = RunCodec(header, coder)
            yield Run(0, end.frames, 8 * size, lambda: runs.read(data, end.frames))
        yield end

    def _read_voice(self) -> bytes | None:
        header = self.header
        if not header.paralinguistic:
            return None
        size = CODED_VOICE if header.voice_form else header.paralinguistic
        return self.cursor.take(size, "voice")

    def _unseal(self) -> Coder | None:
        """The coder that the checksum is for.

        Raises:
            CorruptedError: the checksum is wrong for every coder at hand.
        """
        crc = self.cursor.crc32
        found = int.from_bytes(self.cursor.take(4, "CRC-32 of the file"), "little")
        learned = self.header.payload == LEARNED
        needed = learned or self.header.voice_form
        at_hand: Sequence[Coder | None] = self._coders(self.header) if needed else ()
        if not learned:
            at_hand = [*at_hand, None][:1]
        for coder in at_hand:
            if found == crc ^ _seal(self.header, coder):
                return coder
        if not at_hand:
            raise missing_coder(self.header)
        other = ", or made with an entropy coder that is not at hand" if learned else ""
        raise CorruptedError(f"the file is damaged{other} (its checksum is wrong)")


def _told(header: Header, end: End) -> int:
    return end.num_samples if header.source_sample_rate is None else end.source_num_samples


def _seal(header: Header, coder: Coder | None) -> int:
    """What is added to the checksum so that no other coder's file passes for this one's."""
    if header.payload != LEARNED or coder is None:
        return 0
    return int.from_bytes(bytes.fromhex(coder.token_hash)[:4], "little")
