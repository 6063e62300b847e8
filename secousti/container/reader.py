"""Reading a file or a pipe, record by record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from secousti.container.accounting import Accounting
from secousti.container.errors import ContainerError, CorruptedError, TruncatedError
from secousti.container.events import End, Event, Tokens, Voice, parse
from secousti.container.header import Header, read_header
from secousti.container.limits import MAX_SECONDS
from secousti.container.records import Record, read_body, read_head
from secousti.container.stream import Readable

T = TypeVar("T")


class Reader:
    """Iterate over the events of a ``.sct`` stream: ``Voice``, ``Tokens``, and last ``End``.

    A record is read as soon as its bytes are there, so a pipe is heard live; one record is all
    that is held, and long runs come in pieces. Iteration may be continued later; it ends after
    ``End``.

    Args:
        file: any binary file object.
        name: what to call it in messages.
        header: given when ``file`` begins at some record instead of at the header: whoever joins
            a running stream. The first record then says which frame it is.
        max_seconds: refuse more speech than this: a record of 25 bytes can hold an hour.

    Raises:
        TruncatedError: no end record; everything whole has been returned before.
        CorruptedError: a damaged record, named by its number and byte offset.
        ContainerError: not a ``.sct`` file, or one for a newer version.
    """

    def __init__(
        self,
        file: Readable,
        name: str = "the stream",
        header: Header | None = None,
        max_seconds: float = MAX_SECONDS,
    ):
        self.file = file
        self.name = name
        self.bits = Accounting()
        self.frames: int | None = None if header else 0  # frames so far; None: just joined
        self.end: End | None = None
        self._count = 0
        self._offset = 0
        if header is None:
            header = self._read_header()
        self.header = header
        self._max_frames = max_seconds * header.frame_rate
        self._heard = 0

    def __iter__(self) -> Iterator[Event]:
        while self.end is None:
            event = self._named(self._next)
            if isinstance(event, Tokens):
                yield from event.pieces()
            elif event is not None:
                yield event
        self._named(self._nothing_follows)

    def _read_header(self) -> Header:
        try:
            header, size = read_header(self.file)
        except ContainerError as error:
            raise type(error)(f"{self.name}: {error}") from error
        self.bits.add(size)
        self._offset = size
        return header

    def _named(self, step: Callable[[], T]) -> T:
        """Run ``step`` for the next record; an error says which record of which file it is."""
        try:
            return step()
        except ContainerError as error:
            where = f"{self.name}: record {self._count} (at byte {self._offset})"
            raise type(error)(f"{where}: {error}") from error

    def _next(self) -> Event | None:
        head = read_head(self.file)
        if head is None:
            raise TruncatedError(
                f"the file ends here without an end record, after {self.frames or 0} whole frames"
            )
        record = read_body(self.file, head)
        event = parse(record, self.header)
        self._check_order(event)
        self._account(record, event)
        return event

    def _check_order(self, event: Event | None) -> None:
        """Records lost, repeated or swapped show in their frame numbers."""
        if event is None:
            return
        frame = event.frames if isinstance(event, End) else event.start
        if self.frames not in (None, frame):
            raise CorruptedError(
                f"it belongs at frame {frame}, but frame {self.frames} is next: "
                "records are missing or out of order"
            )
        self.frames = event.end if isinstance(event, Tokens) else frame
        self._check_length(event)
        if isinstance(event, End):
            self._check_samples(event)
            self.end = event

    def _check_length(self, event: Event) -> None:
        self._heard += event.codes.shape[1] if isinstance(event, Tokens) else 0
        if self._heard > self._max_frames:
            seconds = self._max_frames / self.header.frame_rate
            raise ContainerError(
                f"it holds more than {seconds:g} s of speech: raise --max-seconds if it should"
            )

    def _check_samples(self, end: End) -> None:
        declared = self.header.num_samples
        if declared not in (None, end.num_samples):
            raise CorruptedError(f"it says {end.num_samples} samples, and the header {declared}")
        if end.num_samples > end.frames * self.header.frame_size:
            raise CorruptedError(f"{end.frames} frames cannot make {end.num_samples} samples")
        source_rate = self.header.source_sample_rate
        if source_rate is None or not end.source_num_samples:
            return
        apart = end.source_num_samples / source_rate - end.num_samples / self.header.sample_rate
        if abs(apart) * self.header.frame_rate > 1:
            raise CorruptedError(
                f"{end.source_num_samples} samples at {source_rate} Hz are not as long as "
                f"{end.num_samples} at {self.header.sample_rate} Hz"
            )

    def _account(self, record: Record, event: Event | None) -> None:
        tokens = event.stored_bits if isinstance(event, Tokens) else 0
        side = 8 * len(event.codes) if isinstance(event, Voice) else 0
        self.bits.add(record.size, tokens, side)
        self._count += 1
        self._offset += record.size

    def _nothing_follows(self) -> None:
        if self.file.read(1):
            raise CorruptedError("something follows the end record")
