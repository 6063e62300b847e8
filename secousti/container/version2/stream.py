"""Streams of version 2: a header, then records that are bound to all that came before them."""

from __future__ import annotations

import binascii
import zlib

import numpy as np
from numpy.typing import NDArray

from secousti.container.bits import packed_size
from secousti.container.coders import Coder, Coders
from secousti.container.cursor import CRC16_START, Cursor
from secousti.container.errors import CorruptedError, TruncatedError, UnsupportedError
from secousti.container.events import MAX_RUN, End, Item, Run, Voice
from secousti.container.header import LEARNED, MAGIC, Header
from secousti.container.json_text import parse_object
from secousti.container.limits import MAX_VOICE
from secousti.container.varint import encode_varint
from secousti.container.version2.facts import (
    facts,
    flags_byte,
    has_voice,
    kind_byte,
    payload,
    read_facts,
)
from secousti.container.version2.runs import RunCodec, missing_coder, read_voice

VERSION = 2
END, VOICE, SYNC, RUN = 1, 2, 3, 4
SKIP = range(8, 16)  # kinds that a reader may pass over
SHORT = 16  # and above: a run of the usual number of frames, or of one less
SAVINGS = 120  # bytes fewer than packed that the kind of a short run can say, and 0
MAX_SKIP = 1 << 16
HASH, CODER_HASH = 8, 4  # bytes
NAMES = {END: "end", VOICE: "voice", SYNC: "a place to begin", RUN: "tokens"}


def header_bytes(header: Header, run_frames: int, extra: bytes) -> bytes:
    """The header of a stream whose short runs have ``run_frames``; ``extra``: JSON or nothing."""
    data = MAGIC + bytes([VERSION, kind_byte(header), flags_byte(header)])
    data += _whole_hash(header.token_hash)
    data += _whole_hash(header.voice_hash) if header.paralinguistic else b""
    data += bytes.fromhex(header.coder_hash)[:CODER_HASH] if header.payload == LEARNED else b""
    samples = 0 if header.num_samples is None else header.num_samples + 1
    data += facts(header) + b"".join(map(encode_varint, (samples, run_frames, len(extra))))
    data += extra
    return data + zlib.crc32(data).to_bytes(4, "little")


def _whole_hash(text: str) -> bytes:
    return bytes.fromhex(text)[:HASH].ljust(HASH, b"\0")


def read_header(cursor: Cursor) -> tuple[Header, int]:
    """The header after its version, and the frames of a short run.

    Raises:
        ContainerError: cut short, damaged, or not what a header may say.
    """
    kind = cursor.byte("payload and profile")
    flags = cursor.byte("form of the voice, rate of the recording")
    hashes = {"token_hash": cursor.take(HASH, "token hash").hex()}
    if has_voice(flags):
        hashes["voice_hash"] = cursor.take(HASH, "voice hash").hex()
    if payload(kind) == LEARNED:
        hashes["coder_hash"] = cursor.take(CODER_HASH, "hash of the entropy coder").hex()
    fields = read_facts(cursor, kind, flags, hashes)
    samples = cursor.varint("samples + 1, 0 if not known")
    run_frames = cursor.varint("frames of a short run", MAX_RUN)
    extra = cursor.take(cursor.varint("bytes of JSON", MAX_SKIP), "JSON")
    crc = cursor.crc32
    if int.from_bytes(cursor.take(4, "CRC-32 of the header"), "little") != crc:
        raise CorruptedError("the header is damaged (its checksum is wrong)")
    cursor.crc32 = crc  # with its own checksum, any header would come to the same number
    try:
        fields["extra"] = parse_object(extra) if extra else {}
    except ValueError as error:
        raise CorruptedError(f"its header is not valid: {error}") from error
    return Header(**fields, num_samples=samples - 1 if samples else None), run_frames


class Source:
    """The records of a stream, one after the other.

    Attributes:
        frames: frames so far; ``None`` for who has joined and not yet found a place to begin.
    """

    def __init__(
        self, cursor: Cursor, coders: Coders, joined: tuple[Header, int] | None = None
    ) -> None:
        self.cursor = cursor
        self.frames: int | None = None if joined else 0
        self.header, self._run_frames = joined or read_header(cursor)
        self._coders = coders
        self._runs: RunCodec | None = None  # until it is needed: the codec may be found by then
        self._fresh = True
        self._whole = cursor.crc32  # CRC-32 of the stream up to this record
        cursor.crc16 = start_of_chain(cursor.crc32)

    @property
    def _codec(self) -> RunCodec:
        if self._runs is None:
            self._runs = RunCodec(self.header, named(self.header, self._coders))
        return self._runs

    @property
    def run_frames(self) -> int:
        """Frames of a short run."""
        return self._run_frames

    def next(self) -> Item | None:
        """The next record; ``None`` for one that says nothing.

        Raises:
            TruncatedError, CorruptedError: what is wrong with it.
            UnsupportedError: a kind that this version does not know and may not skip.
        """
        cursor = self.cursor
        kind = cursor.begin("record")
        if kind is None:
            frames = self.frames or 0
            raise TruncatedError(
                f"the file ends here without an end record, after {frames} whole frames"
            )
        cursor.explain(f"record: {NAMES.get(kind, 'tokens' if kind >= SHORT else 'one to skip')}")
        if kind == END:
            return self._end()
        if kind == SYNC:
            self._sync()
            return None
        return self._checked(self._item(kind))

    def _item(self, kind: int) -> Item | None:
        if kind >= SHORT:
            less, saved = divmod(kind - SHORT, SAVINGS)
            return self._run(self._run_frames - less, saved)
        if kind == RUN:
            frames = self.cursor.varint("frames", MAX_RUN)
            return self._run(frames, None)
        if kind == VOICE:
            return self._voice()
        if kind in SKIP:
            self.cursor.take(self.cursor.varint("bytes that follow", MAX_SKIP))
            return None
        raise UnsupportedError(f"it is of kind {kind}, which needs a newer secousti")

    def _run(self, frames: int, saved: int | None) -> Run | None:
        count = frames * self.header.num_codebooks
        if not 0 < count <= MAX_RUN:
            raise CorruptedError(f"it claims {count} tokens")
        size = packed_size(count, self.header.codebook_size)
        if saved is None:
            saved = self.cursor.varint("bytes fewer than packed", size)
        if saved > size:
            raise CorruptedError(f"it claims {saved} bytes fewer than {size}")
        data = self.cursor.take(size - saved, "tokens")
        alone = self._fresh or self.header.payload != LEARNED
        if saved and self.header.payload == LEARNED and self._codec.coder is None:
            raise missing_coder(self.header)
        start = self.frames or 0
        return Run(start, frames, 8 * len(data), lambda: self._decode(data, frames, alone), alone)

    def _decode(self, data: bytes, frames: int, alone: bool) -> NDArray[np.int64]:
        if alone:
            self._codec.restart()
        return self._codec.read(data, frames)

    def _voice(self) -> Voice:
        size = self.cursor.varint("bytes of the voice", MAX_VOICE)
        data = self.cursor.take(size, "voice")
        codes = read_voice(self.header, self._codec.coder, data)
        return Voice(self.frames or 0, codes, 8 * size)

    def _checked(self, item: Item | None) -> Item | None:
        """``item`` if its checksum is right; nothing while it cannot be checked."""
        chain = self.cursor.crc16
        found = int.from_bytes(self.cursor.take(2, "CRC-16 from the header to here"), "little")
        self.cursor.crc16 = chain
        if self.frames is None:
            return None
        if found != chain:
            raise CorruptedError(
                "its checksum is wrong: it is damaged, or records before it are missing, out of "
                "order, or of another file"
            )
        self._whole = self.cursor.crc32
        if isinstance(item, Run):
            self.frames, self._fresh = item.end, False
        return item

    def _sync(self) -> None:
        """A place to begin: where it is and what came before are said, and coders start anew."""
        cursor = self.cursor
        cursor.crc16 = start_of_chain(SYNC)
        frame = cursor.varint("frame")
        whole = int.from_bytes(cursor.take(4, "CRC-32 of all before"), "little")
        own = cursor.crc16
        if int.from_bytes(cursor.take(2, "CRC-16 of the record"), "little") != own:
            raise CorruptedError("its checksum is wrong")
        if self.frames is None:
            # All later checksums go on from what the stream was before this record.
            cursor.crc32 = _over(whole, frame, own)
        elif (whole, frame) != (self._whole, self.frames):
            raise CorruptedError("records before it are missing, out of order, or of another file")
        cursor.crc16 = own
        self.frames, self._whole, self._fresh = frame, cursor.crc32, True

    def _end(self) -> End:
        missing = self.cursor.varint("samples that the last frames have too many")
        source = self.cursor.varint("samples of the source")
        whole = self.cursor.crc32
        found = int.from_bytes(self.cursor.take(4, "CRC-32 of the stream"), "little")
        if self.frames is None:
            return End(0, 0, 0)
        if found != whole:
            raise CorruptedError(
                "the stream is damaged, or records are missing (its checksum is wrong)"
            )
        samples = self.frames * self.header.frame_size - missing
        if samples < 0:
            raise CorruptedError(f"{self.frames} frames cannot make {samples} samples")
        return End(self.frames, samples, source)


def start_of_chain(value: int) -> int:
    """CRC-16 to begin with after something whose 32-bit checksum or kind is ``value``."""
    return binascii.crc_hqx(value.to_bytes(4, "little"), CRC16_START)


def sync_record(frame: int, whole: int) -> bytes:
    """A place to begin before ``frame``, where ``whole`` is the CRC-32 of all before."""
    body = encode_varint(frame) + whole.to_bytes(4, "little")
    own = binascii.crc_hqx(body, start_of_chain(SYNC))
    return bytes([SYNC]) + body + own.to_bytes(2, "little")


def _over(whole: int, frame: int, own: int) -> int:
    return zlib.crc32(sync_record(frame, whole), whole)


def named(header: Header, coders: Coders) -> Coder | None:
    """The coder that a header names, or the first that has a code for voices."""
    if header.payload != LEARNED and header.voice_form == 0:
        return None
    found = list(coders(header))
    if header.payload == LEARNED:
        found = [coder for coder in found if coder.token_hash == header.coder_hash]
    return found[0] if found else None
