"""Where speech goes: ``.sct`` or audio, to a file or down a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from secousti.atomic import NO_ROOM, replacing
from secousti.audio.raw import RawFormat
from secousti.audio.writing import AudioWriter
from secousti.container import Accounting, Coder, End, Event, Header, Writer
from secousti.errors import SecoustiError
from secousti.files.wav import WavWriter
from secousti.paths import PIPE, STDOUT, is_stream


@contextmanager
def open_output(target: str) -> Iterator[BinaryIO]:
    """Standard output, a pipe or device that is written into, or a file that appears when whole.

    Raises:
        SecoustiError: the disk is full or cannot be written.
    """
    if target == PIPE:
        with _written(STDOUT):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
    elif is_stream(target):
        with _written(target), open(target, "wb") as file:
            yield file
    else:
        with replacing(target) as partial, open(partial, "wb") as file:
            yield file


@contextmanager
def _written(name: str) -> Iterator[None]:
    """A full disk under a pipe or a device is told by its name.

    Raises:
        SecoustiError: it is full, or cannot be written.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno not in NO_ROOM and error.filename != name:
            raise
        raise SecoustiError(f"{name} cannot be written: {error.strerror or error}") from error


def write_tokens(
    target: str,
    header: Header,
    events: Iterable[Event],
    live: bool = False,
    coder: Coder | None = None,
    run_frames: int | None = None,
) -> tuple[End, Accounting]:
    """Write a ``.sct`` file or stream; ``live`` passes every event on at once.

    ``run_frames``: frames of a usual record.
    """
    end = End(0, 0, 0)
    with open_output(target) as file:
        writer = Writer(file, header, run_frames, coder)
        for event in events:
            writer.put(event)
            if live:
                writer.flush()
            if isinstance(event, End):
                end = event
    return end, writer.bits


def write_audio(
    target: str, portions: Iterable[NDArray[np.float32]], rate: int, raw: RawFormat | None = None
) -> int:
    """Write audio portion by portion; returns the samples written.

    A file's format follows its suffix; pipes and devices get WAV. ``raw``: samples without a
    header instead, wherever they go.

    Raises:
        SecoustiError: a suffix under which no audio is written, a rate that the format cannot
            hold, or a full disk.
    """
    if raw is not None:
        with open_output(target) as file:
            return sum(_sent(file, raw, samples) for samples in portions)
    if target == PIPE or is_stream(target):
        with open_output(target) as file:
            writer = WavWriter(file, rate)
            written = sum(_put(writer, samples) for samples in portions)
            writer.close()
            return written
    with (
        replacing(target) as partial,
        AudioWriter(partial, rate, Path(target).suffix) as audio,
    ):
        return sum(_put(audio, np.clip(samples, -1, 1)) for samples in portions)


def _put(writer: WavWriter | AudioWriter, samples: NDArray[np.float32]) -> int:
    writer.write(samples)
    return len(samples)


def _sent(file: BinaryIO, raw: RawFormat, samples: NDArray[np.float32]) -> int:
    file.write(raw.to_bytes(samples))
    file.flush()
    return len(samples)
