"""Where one recording ends and the next begins in files that were put one after another.

``cat a.ogg b.ogg`` is a valid Ogg file (RFC 3533, chaining), and players play concatenated MP3
and FLAC to their end; libsndfile reads the first recording only, and says nothing.
"""

from __future__ import annotations

import io
import mmap
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO, TypeAlias

Span: TypeAlias = tuple[int, int]  # first byte, and the one after the last
_Bytes: TypeAlias = "bytes | mmap.mmap"

_OGG_HEAD = 27  # bytes of a page before its lacing values
_FIRST_PAGE, _CAPTURE = 0x02, b"OggS"
_FLAC = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
# A tag at the beginning of a file: ID3v2, or a first frame that describes the others.
_MP3_TAG = re.compile(rb"ID3[\x02-\x04]\x00|Xing|Info|VBRI")
# Bytes from a frame's header to its tag: (MPEG-1, mono) -> header and side information.
_SIDE = {(True, False): 36, (True, True): 21, (False, False): 21, (False, True): 13}


class Window(io.RawIOBase):
    """Part of a file as a file of its own."""

    def __init__(self, file: BinaryIO, span: Span) -> None:
        self._file, (self._start, self._stop) = file, span
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._place, self._stop - self._start)[whence]
        self._place = max(base + offset, 0)
        return self._place

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        size = max(min(len(view), self._stop - self._start - self._place), 0)
        self._file.seek(self._start + self._place)
        data = self._file.read(size)
        view[: len(data)] = data
        self._place += len(data)
        return len(data)


def recordings(file: BinaryIO, begun: bytes) -> list[Span]:
    """The spans of the recordings in a file that seeks; ``begun`` are its first bytes."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if begun[:4] == _CAPTURE:
        starts = list(_ogg_starts(file, size))
    elif begun[:4] == b"fLaC":
        starts = [match.start() for match in _FLAC.finditer(_content(file))]
    elif is_mp3(begun):
        starts = _mp3_starts(_content(file))
    else:
        starts = []
    starts = [0, *(start for start in starts if start > 0)]
    return list(zip(starts, [*starts[1:], size], strict=True))


def is_mp3(begun: bytes) -> bool:
    """Whether bytes begin an MP3 file: an ID3v2 tag, or a frame of layer III."""
    return begun[:3] == b"ID3" or _is_frame(begun[:4])


def _content(file: BinaryIO) -> _Bytes:
    """All bytes, mapped into memory where the file is on disk."""
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError, AttributeError):
        data = file.read()
        file.seek(0)
        return data


def _ogg_starts(file: BinaryIO, size: int) -> Iterator[int]:
    """Where links begin: a first page after pages of a link that is under way."""
    place, under_way = 0, True
    while place + _OGG_HEAD <= size:
        file.seek(place)
        head = file.read(_OGG_HEAD)
        if head[:4] != _CAPTURE:
            return  # damaged from here on: what reads it will say so
        first = bool(head[5] & _FIRST_PAGE)
        if first and under_way:
            yield place
        under_way = not first
        lacing = file.read(head[26])
        place += _OGG_HEAD + len(lacing) + sum(lacing)


def _mp3_starts(data: _Bytes) -> list[int]:
    starts, after_tag = [], -1
    for match in _MP3_TAG.finditer(data):
        place = match.start()
        if match.group().startswith(b"ID3"):
            end = place + 10 + _syncsafe(data[place + 6 : place + 10])
            if not _is_frame(data[end : end + 4]):
                continue
            starts.append(place)
            after_tag = end
        else:
            frame = _frame_before(data, place, match.group() == b"VBRI")
            # What looks like a frame before the last beginning lies inside another one.
            last = starts[-1] if starts else -1
            if frame is not None and frame != after_tag and frame > last:
                starts.append(frame)
    return starts


def _syncsafe(data: bytes) -> int:
    return sum((byte & 0x7F) << shift for byte, shift in zip(data, (21, 14, 7, 0), strict=False))


def _frame_before(data: _Bytes, tag: int, fraunhofer: bool) -> int | None:
    """Where the frame begins that holds a describing tag at ``tag``, if one does."""
    for (mpeg1, mono), offset in _SIDE.items():
        place = tag - (36 if fraunhofer else offset)
        head = data[place : place + 4] if place >= 0 else b""
        if _is_frame(head) and (
            fraunhofer or ((head[1] & 0x18 == 0x18) == mpeg1 and (head[3] >> 6 == 3) == mono)
        ):
            return place
    return None


def _is_frame(head: bytes) -> bool:
    """Whether four bytes are the header of a frame of MPEG audio, layer III."""
    if len(head) < 4:
        return False
    (word,) = struct.unpack(">I", head)
    version, layer = word >> 19 & 3, word >> 17 & 3
    rate, frequency = word >> 12 & 15, word >> 10 & 3
    return word >> 21 == 0x7FF and version != 1 and layer == 1 and rate < 15 and frequency < 3
