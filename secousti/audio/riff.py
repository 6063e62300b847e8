"""Headers of WAV in all its containers: RIFF, RIFX, RF64, BW64 and Sony's Wave64.

Sources: Microsoft's RIFF and WAVEFORMATEXTENSIBLE, EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64),
Sony's Wave64 specification 1.0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from secousti.audio.bytestream import ByteStream
from secousti.audio.pcm import Kind, SampleFormat
from secousti.errors import SecoustiError

WAVE64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
MAGICS = (b"RIFF", b"RIFX", b"RF64", b"BW64", WAVE64[:4])
_WAVE64_TAIL = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_EXTENSIBLE = 0xFFFE
_CODINGS: dict[int, Kind] = {1: "int", 3: "float", 6: "alaw", 7: "mulaw"}
_MOST_FORMAT = 1 << 16  # bytes of a format that are looked at
_MOST_CHANNELS = 256
# Chunks that follow audio; with "length 0" before one of them there is no audio.
_TRAILERS = (
    b"LIST",
    b"bext",
    b"iXML",
    b"axml",
    b"id3 ",
    b"ID3 ",
    b"fact",
    b"cue ",
    b"PEAK",
    b"JUNK",
)


class UnknownCoding(SecoustiError):
    """WAV whose audio is coded in a way that is not read here."""


@dataclass(frozen=True)
class WavFormat:
    """What a ``fmt`` chunk says."""

    sample: SampleFormat
    channels: int
    sample_rate: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.sample.container


@dataclass(frozen=True)
class Dialect:
    """How a container writes its chunks: byte order, whether names are Wave64's, alignment."""

    order: str = "<"
    wave64: bool = False

    @property
    def align(self) -> int:
        return 8 if self.wave64 else 2


def read_header(stream: ByteStream) -> tuple[WavFormat, int | None]:
    """Skip to the audio: its format, and its bytes if they are known.

    Raises:
        SecoustiError: not WAV, a header that makes no sense, or cut short before the audio.
        UnknownCoding: a coding other than PCM, float and G.711.
    """
    dialect = _open(stream)
    layout, long_size = None, None
    for name, size in chunks(stream, dialect):
        if name == b"data":
            if layout is None:
                raise SecoustiError(f"{stream.name} has no WAV format before its audio")
            return layout, _audio_bytes(stream, size, long_size, layout, dialect)
        if name == b"fmt ":
            body = stream.exactly(min(size, _MOST_FORMAT), "the WAV header")
            stream.give_back(body)
            layout = _parse_format(body, dialect, stream.name)
        elif name == b"ds64" and size >= 16:
            body = stream.exactly(16, "the WAV header")
            stream.give_back(body)
            long_size = int(struct.unpack_from("<Q", body, 8)[0])
    raise SecoustiError(f"{stream.name} is cut short: it ends in the WAV header")


def chunks(stream: ByteStream, dialect: Dialect) -> Iterator[tuple[bytes, int]]:
    """(name, bytes of content) of one chunk after the other; ``data`` is the last.

    The content may be read, and must then be given back: what remains of it is skipped.
    """
    while head := stream.up_to(24 if dialect.wave64 else 8):
        if len(head) < (24 if dialect.wave64 else 8):
            return
        name, size = _chunk_head(head, dialect)
        yield name, size
        if name == b"data":
            return
        stream.skip(size)
        _skip_padding(stream, -size % dialect.align)


def _chunk_head(head: bytes, dialect: Dialect) -> tuple[bytes, int]:
    if dialect.wave64:
        known = head[4:16] == _WAVE64_TAIL
        size = int(struct.unpack_from("<Q", head, 16)[0]) - 24
        return (head[:4] if known else b"????"), max(size, 0)
    name, size = struct.unpack(f"{dialect.order}4sI", head)
    return name, size


def _skip_padding(stream: ByteStream, size: int) -> None:
    """Some programs leave the padding of odd chunks out: what is no zero is the next chunk."""
    pad = stream.up_to(size)
    if size == 1 and pad.strip(b"\0"):
        stream.give_back(pad)


def _open(stream: ByteStream) -> Dialect:
    begun = stream.exactly(4, "the WAV header")
    if begun == WAVE64[:4]:
        begun += stream.exactly(36, "the WAV header")
        if begun[:16] != WAVE64 or begun[24:28] != b"wave":
            raise SecoustiError(f"{stream.name} is a RIFF stream, but not WAV")
        return Dialect(wave64=True)
    if begun not in MAGICS:
        raise SecoustiError(f"{stream.name} is not a WAV stream")
    if stream.exactly(8, "the WAV header")[4:] != b"WAVE":
        raise SecoustiError(f"{stream.name} is a RIFF stream, but not WAV")
    return Dialect(order=">" if begun == b"RIFX" else "<")


def _parse_format(body: bytes, dialect: Dialect, name: str) -> WavFormat:
    if len(body) < 16:
        raise SecoustiError(f"{name} has an impossible WAV header")
    order = dialect.order
    coding, channels, rate, _, align, bits = struct.unpack_from(f"{order}HHIIHH", body)
    if coding == _EXTENSIBLE and len(body) >= 26:
        coding = struct.unpack_from(f"{order}H", body, 24)[0]
    if not 0 < channels <= _MOST_CHANNELS or align % channels:
        raise SecoustiError(
            f"{name} has an impossible WAV header: {channels} channels in blocks of {align} bytes"
        )
    kind = _CODINGS.get(coding)
    container = align // channels or -(-bits // 8)
    if kind is None or not SampleFormat(kind, bits, container).is_known:
        raise UnknownCoding(
            f"{name} is WAV of coding {coding} with {bits} bits in {container} bytes, {channels} "
            f"channels at {rate} Hz; through a pipe only PCM, float and G.711 are read: convert "
            "it, or give a file"
        )
    return WavFormat(SampleFormat(kind, bits, container, order == ">"), channels, rate)


def _audio_bytes(
    stream: ByteStream, size: int, long_size: int | None, layout: WavFormat, dialect: Dialect
) -> int | None:
    """Bytes of audio; ``None`` when the header holds one of the numbers for "not known"."""
    there = stream.remaining()
    if long_size is not None and size == 0xFFFFFFFF:
        size = long_size
        unknown = size == 0 or size >= 1 << 62
    else:
        unknown = size >= 1 << 62 if dialect.wave64 else is_placeholder(size)
    if size == 0:
        return 0 if _nothing_follows(stream) else None
    if unknown and (there is None or size > there):
        return None
    return size // layout.frame_bytes * layout.frame_bytes


def next_file(stream: ByteStream) -> bool:
    """Skip the chunks after the audio; whether another WAV file follows them."""
    while len(head := stream.up_to(9)) >= 8:
        pad = head[:1] == b"\0" or head[1:5] in MAGICS  # after an odd number of bytes of audio
        stream.give_back(head[pad:])
        if head[pad:][:4] in MAGICS:
            return True
        head = stream.up_to(8)
        if len(head) < 8 or not head[:4].isascii():
            return False
        stream.skip(struct.unpack_from("<I", head, 4)[0])
    return False


def is_placeholder(size: int) -> bool:
    """Whether programs write this number for a length that they do not know yet.

    0 (GStreamer, browsers), 0xFFFFFFFF (FFmpeg), 0x7FFFF000 (SoX), 0x7FFFFFFF, 0x80000000 and
    what is left of it after rounding (ALSA), each less or more the size of a header.
    """
    return size == 0 or 0x7FFF0000 <= size <= 0x8000FFFF or size >= 0xFFFF0000


def _nothing_follows(stream: ByteStream) -> bool:
    ahead = stream.up_to(8)
    stream.give_back(ahead)
    return len(ahead) < 8 or ahead[:4] in _TRAILERS
