"""A stretch of a file, without reading the rest of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from secousti.container import records
from secousti.container.errors import ContainerError, CorruptedError, TruncatedError
from secousti.container.events import Event, Tokens, Voice, parse, run_place
from secousti.container.header import Header, read_header
from secousti.container.records import CRC_SIZE, Head, read_body, read_head
from secousti.container.stream import read_up_to
from secousti.container.varint import MAX_BYTES


def read_range(
    file: BinaryIO, start: int, end: int | None = None, name: str = "the file"
) -> Iterator[Event]:
    """The events of frames [start, end): the voice in force at ``start`` first, then tokens.

    Runs are cut to the range. Records before it are passed over by their frame numbers, without
    reading (or checking) their data; nothing after it is touched. A range that reaches past the
    last frame ends with the ``End`` event.

    Args:
        file: a ``.sct`` file at its beginning that can seek.

    Raises:
        ContainerError: as :class:`~secousti.container.reader.Reader`, for the records read.
    """
    voice: Voice | None = None
    for event in _events_from(file, start, name):
        if isinstance(event, (Voice, Tokens)) and end is not None and event.start >= end:
            break
        if isinstance(event, Voice) and event.start <= start:
            voice = event
            continue
        if voice is not None:
            yield voice
            voice = None
        if isinstance(event, Tokens):
            yield from _cut(event, start, end).pieces()
        else:
            yield event
        if isinstance(event, Tokens) and end is not None and event.end >= end:
            break


def _cut(run: Tokens, start: int, end: int | None) -> Tokens:
    first = max(run.start, start)
    codes = run.codes[:, first - run.start : None if end is None else end - run.start]
    return replace(run, start=first, codes=codes)


def _events_from(file: BinaryIO, start: int, name: str) -> Iterator[Event]:
    """Every event but the token runs that end before ``start``."""
    where = name
    try:
        header, _ = read_header(file)
        number, frame = 0, None
        while True:
            where = f"{name}: record {number}"
            event, ended = _next(file, header, start)
            if isinstance(event, Tokens):
                if frame not in (None, event.start):
                    raise CorruptedError(f"frame {frame} is missing before it")
                frame = event.end
            if event is not None:
                yield event
            if ended:
                return
            number += 1
    except ContainerError as error:
        raise type(error)(f"{where}: {error}") from error


def _next(file: BinaryIO, header: Header, start: int) -> tuple[Event | None, bool]:
    """The next record's event (``None`` if passed over), and whether it is the end."""
    head = read_head(file)
    if head is None:
        raise TruncatedError("the file ends here without an end record")
    begun = b""
    if head.kind in (records.PACKED, records.CODED):
        begun = read_up_to(file, min(head.length, 2 * MAX_BYTES))
        first, frames, _ = run_place(begun)
        if first + frames <= start:
            _skip(file, head, begun)
            return None, False
    return parse(read_body(file, head, begun), header), head.kind == records.END


def _skip(file: BinaryIO, head: Head, begun: bytes) -> None:
    """To the next record; one byte of the checksum is read, so that a cut file is noticed."""
    file.seek(head.length - len(begun) + CRC_SIZE - 1, 1)
    if not file.read(1):
        raise TruncatedError("the file ends inside it")
