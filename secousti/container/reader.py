"""Reading a file or a pipe of any version, record by record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from secousti.container.accounting import Accounting
from secousti.container.coders import Coders, no_coders
from secousti.container.cursor import Cursor
from secousti.container.errors import (
    ContainerError,
    CorruptedError,
    TruncatedError,
    UnsupportedError,
)
from secousti.container.events import End, Event, Item, Run, Tokens, Voice
from secousti.container.header import MAGIC, Header
from secousti.container.limits import MAX_SECONDS
from secousti.container.stream import Readable
from secousti.container.version1 import records as version1
from secousti.container.version2 import stream, whole

T = TypeVar("T")


class Source(Protocol):
    """One form of the format: gives items until the ``End``."""

    header: Header
    frames: int | None

    def next(self) -> Item | None:
        """The next item; ``None`` for a record that says nothing."""


class Reader:
    """Iterate over the events of a ``.sct`` stream: ``Voice``, ``Tokens``, and last ``End``.

    A record is read as soon as its bytes are there, so a pipe is read live; one record is all
    that is held, and long runs come in pieces. Iteration may be continued later; it ends after
    ``End``.

    Args:
        file: any binary file object.
        name: what to call it in messages.
        joined: a reader of the same stream from its beginning, given when ``file`` begins at some
            later record. Tokens come from the next place to begin on.
        max_seconds: refuse more speech than this: a record of 25 bytes can hold an hour.
        coders: learned coders at hand, for files that need one.

    Raises:
        TruncatedError: no end; everything whole has been returned before.
        CorruptedError: a damaged record, named by its number and byte offset.
        ContainerError: not a ``.sct`` file, or one for a newer version.
    """

    def __init__(
        self,
        file: Readable,
        name: str = "the stream",
        *,
        joined: Reader | None = None,
        max_seconds: float = MAX_SECONDS,
        coders: Coders = no_coders,
        explain: bool = False,
    ):
        self.name = name
        self.bits = Accounting()
        self.end: End | None = None
        self._file = file
        self.cursor = Cursor(file, explain)
        self._count = 0
        self._last = (0, 0)  # number and offset of the record before
        self._read_frames = 0
        self._source = self._opened(coders) if joined is None else joined.again(self.cursor, coders)
        self._offset = self.cursor.offset
        self._max_frames = max_seconds * self.header.frame_rate

    @property
    def header(self) -> Header:
        """What the file says of itself."""
        return self._source.header

    @property
    def frames(self) -> int | None:
        """Frames so far; ``None`` for who has just joined."""
        return self._source.frames

    def __iter__(self) -> Iterator[Event]:
        for item in self.items():
            if isinstance(item, Run):
                yield from self._named(item.tokens, self._last).pieces()
            else:
                yield item

    def items(self) -> Iterator[Item]:
        """The same, with runs that are not decoded yet."""
        while self.end is None:
            item = self._named(self._next)
            if item is not None:
                yield item
        self._named(self._nothing_follows)

    def again(self, cursor: Cursor, coders: Coders) -> Source:
        """The same stream from some later record on."""
        if isinstance(self._source, version1.Source):
            return version1.Source(cursor, self.header)
        if isinstance(self._source, stream.Source):
            return stream.Source(cursor, coders, (self.header, self._source.run_frames))
        raise ContainerError("a file of one run has no later record to begin at")

    def _opened(self, coders: Coders) -> Source:
        try:
            source = open_source(self.cursor, coders)
        except TruncatedError as error:
            ended = "it is empty" if self.cursor.offset == 0 else "it ends inside the header"
            raise TruncatedError(f"{self.name}: {ended}") from error
        except ContainerError as error:
            raise type(error)(f"{self.name}: {error}") from error
        self.bits.add(self.cursor.offset)
        return source

    def _named(self, step: Callable[[], T], record: tuple[int, int] | None = None) -> T:
        """Run ``step`` for the next record, or the one given by number and offset; an error says
        which record of which file it is.
        """
        try:
            return step()
        except ContainerError as error:
            count, offset = record or (self._count, self._offset)
            where = f"{self.name}: record {count} (at byte {offset})"
            raise type(error)(f"{where}: {error}") from error

    def _next(self) -> Item | None:
        item = self._source.next()
        if isinstance(item, Run):
            self._check_length(item)
        if isinstance(item, End):
            self._check_samples(item)
            self.end = item
        tokens = item.stored_bits if isinstance(item, Run) else 0
        side = item.stored_bits if isinstance(item, Voice) else 0
        self.bits.add(self.cursor.offset - self._offset, tokens, side)
        self._last = (self._count, self._offset)
        self._count += 1
        self._offset = self.cursor.offset
        return item

    def _check_length(self, run: Run) -> None:
        self._read_frames += run.frames
        if self._read_frames > self._max_frames:
            seconds = self._max_frames / self.header.frame_rate
            raise ContainerError(
                f"it holds more than {seconds:g} s of speech: raise --max-seconds if it should"
            )

    def _check_samples(self, end: End) -> None:
        header, declared = self.header, self.header.num_samples
        if declared not in (None, end.num_samples):
            raise CorruptedError(f"it says {end.num_samples} samples, and the header {declared}")
        if end.num_samples > end.frames * header.frame_size:
            raise CorruptedError(f"{end.frames} frames cannot make {end.num_samples} samples")
        if header.source_sample_rate is None or not end.source_num_samples:
            return
        apart = end.source_num_samples / header.source_sample_rate
        apart -= end.num_samples / header.sample_rate
        if abs(apart) * header.frame_rate > 1:
            raise CorruptedError(
                f"{end.source_num_samples} samples at {header.source_sample_rate} Hz are not as "
                f"long as {end.num_samples} at {header.sample_rate} Hz"
            )

    def _nothing_follows(self) -> None:
        if self._file.read(1):
            raise CorruptedError("something follows the end record")


def open_source(cursor: Cursor, coders: Coders) -> Source:
    """Whatever form a file has.

    Raises:
        ContainerError: empty, not a ``.sct`` file, of a newer version, cut short, or damaged.
    """
    magic = cursor.up_to(len(MAGIC), "magic")
    if magic != MAGIC[: len(magic)]:
        raise ContainerError("it is not a .sct file (it begins with other bytes)")
    version = cursor.byte("version")
    if version & whole.WHOLE:
        cursor.explain("version 2, a whole file; payload and profile")
        return whole.Source(cursor, version, coders)
    cursor.explain(f"version {version}")
    if version == stream.VERSION:
        return stream.Source(cursor, coders)
    if version != 1:
        raise UnsupportedError(
            f"it has format version {version}, and this secousti reads versions 1 and 2: "
            "update secousti"
        )
    return version1.Source(cursor, None)


__all__ = ["Reader", "Tokens", "open_source"]
