"""A stretch of a file, without decoding the rest of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from secousti.container.coders import Coders, no_coders
from secousti.container.events import End, Event, Run, Tokens, Voice
from secousti.container.reader import Reader


def read_range(
    file: BinaryIO,
    start: int,
    end: int | None = None,
    name: str = "the file",
    coders: Coders = no_coders,
) -> Iterator[Event]:
    """The events of frames [start, end): the voice in force at ``start`` first, then tokens.

    Runs are cut to the range. Records before it are checked but not decoded, unless the learned
    coder's state goes through them; nothing after it is touched. A range that reaches past the
    last frame ends with the ``End`` event.

    Args:
        file: a ``.sct`` file at its beginning.

    Raises:
        ContainerError: as :class:`~secousti.container.reader.Reader`, for the records read.
    """
    voice: Voice | None = None
    before: list[Run] = []  # runs that the next one may need decoded first
    for item in Reader(file, name, coders=coders).items():
        if not isinstance(item, End) and end is not None and item.start >= end:
            break
        if isinstance(item, Voice) and item.start <= start:
            voice = item
            continue
        if isinstance(item, Run):
            before = [] if item.alone else before
            if item.end <= start:
                before.append(item)
                continue
        if voice is not None:
            yield voice
            voice = None
        if not isinstance(item, Run):
            yield item
            continue
        for run in before:
            run.decode()
        before = []
        yield from _cut(item.tokens(), start, end).pieces()
        if end is not None and item.end >= end:
            break


def _cut(run: Tokens, start: int, end: int | None) -> Tokens:
    first = max(run.start, start)
    codes = run.codes[:, first - run.start : None if end is None else end - run.start]
    return replace(run, start=first, codes=codes)
