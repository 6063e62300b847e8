"""Records of version 1: a kind, a length, a body and a CRC-32 over all three.

A kind is a letter. A reader must understand capital letters; it skips small letters that it does
not know.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from secousti.container.bits import unpack
from secousti.container.cursor import Cursor
from secousti.container.entropy import decompress
from secousti.container.errors import CorruptedError, TruncatedError, UnsupportedError
from secousti.container.events import MAX_RUN, End, Item, Run, Voice
from secousti.container.header import ADAPTIVE, Header
from secousti.container.version1.header import read_header

MAX_BODY = 1 << 18  # bytes; also what a damaged length can make a reader wait for
_KINDS = {
    "P": "paralinguistic state",
    "T": "packed tokens",
    "R": "range-coded tokens",
    "E": "end",
}


class Source:
    """The records of a stream, one after the other.

    Attributes:
        frames: frames so far; ``None`` for who has just joined.
    """

    def __init__(self, cursor: Cursor, header: Header | None) -> None:
        self.cursor = cursor
        self.frames: int | None = None if header else 0
        self.header = header or read_header(cursor)

    def next(self) -> Item | None:
        """The next record; ``None`` for one that may be skipped.

        Raises:
            TruncatedError, CorruptedError: what is wrong with it.
            UnsupportedError: a kind that this version does not know and may not skip.
        """
        self.cursor.crc32 = 0
        kind = self.cursor.begin("record")
        if kind is None:
            frames = self.frames or 0
            raise TruncatedError(
                f"the file ends here without an end record, after {frames} whole frames"
            )
        letter = chr(kind)
        if not (letter.isalpha() and letter.isascii()):
            raise CorruptedError("it does not begin like a record")
        self.cursor.explain(f"record: {_KINDS.get(letter, 'one to skip')}")
        length = self.cursor.varint("bytes that follow", MAX_BODY)
        item = self._item(letter, self.cursor.offset + length)
        wanted = self.cursor.crc32
        if int.from_bytes(self.cursor.take(4, "CRC-32 of the record"), "little") != wanted:
            raise CorruptedError("its checksum is wrong")
        return self._checked(item)

    def _item(self, letter: str, end: int) -> Item | None:
        if letter in _KINDS:
            item = self._known(letter, end)
            if self.cursor.offset != end:
                raise CorruptedError("it is longer than it should be")
            return item
        if letter.isupper():
            raise UnsupportedError(f"it is of kind {letter!r}, which needs a newer secousti")
        self.cursor.take(end - self.cursor.offset)
        return None

    def _known(self, letter: str, end: int) -> Item:
        if letter == "P":
            return self._voice(end)
        return self._end() if letter == "E" else self._run(end, letter)

    def _rest(self, end: int, meaning: str) -> bytes:
        if self.cursor.offset > end:
            raise CorruptedError("it is shorter than it should be")
        return self.cursor.take(end - self.cursor.offset, meaning)

    def _voice(self, end: int) -> Voice:
        start = self.cursor.varint("from frame")
        data = self._rest(end, "voice")
        codes = np.frombuffer(data, np.int8)
        size = self.header.paralinguistic
        if size == 0:
            raise CorruptedError("it is a voice in a file that says it has none")
        if len(codes) != size or (codes == -128).any():
            raise CorruptedError(f"it does not hold {size} numbers in -127..127")
        return Voice(start, codes, 8 * len(data))

    def _run(self, end: int, letter: str) -> Run:
        start, frames = self.cursor.varint("from frame"), self.cursor.varint("frames")
        count = frames * self.header.num_codebooks
        if not 0 < count <= MAX_RUN:
            raise CorruptedError(f"it claims {count} tokens")
        model = b""
        if letter == "R":
            if self.header.payload != ADAPTIVE:
                raise CorruptedError("it is range-coded in a file that says it is not")
            model = bytes([self.cursor.byte("entropy model")])
            self.cursor.explain(f"entropy model {model[0]}")
        data = self._rest(end, "tokens")
        decode = partial(decode_run, model + data, count, self.header, letter == "R")
        return Run(start, frames, 8 * len(model + data), decode)

    def _end(self) -> End:
        names = ("frames", "samples", "samples of the source")
        return End(*(self.cursor.varint(name) for name in names))

    def _checked(self, item: Item | None) -> Item | None:
        """Records lost, repeated or swapped show in their frame numbers."""
        if item is None:
            return None
        frame = item.frames if isinstance(item, End) else item.start
        if self.frames not in (None, frame):
            raise CorruptedError(
                f"it belongs at frame {frame}, but frame {self.frames} is next: "
                "records are missing or out of order"
            )
        self.frames = item.end if isinstance(item, Run) else frame
        return item


def decode_run(data: bytes, count: int, header: Header, coded: bool) -> NDArray[np.int64]:
    """Tokens [num_codebooks, L] of packed data, or of an adaptive model's number and code words."""
    size = header.codebook_size
    if coded:
        flat = decompress(data[0], data[1:], count, size, header.digits)
    else:
        flat = unpack(data, count, size)
    return flat.reshape(-1, header.num_codebooks).T


def shown(values: NDArray[np.int8] | NDArray[np.int64]) -> str:
    """The first values of some data."""
    most = " ".join(map(str, values[:8].tolist()))
    return f"{most} ..." if len(values) > 8 else most
