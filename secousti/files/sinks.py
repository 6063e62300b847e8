"""Where speech goes: ``.sct`` or audio, to a file or down a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from secousti.atomic import replacing
from secousti.audio.io import open_audio
from secousti.container import Accounting, End, Event, Header, Writer
from secousti.errors import SecoustiError
from secousti.files.wav import WavWriter
from secousti.paths import PIPE


@contextmanager
def open_output(target: str) -> Iterator[BinaryIO]:
    """Standard output, or a file that appears when it is whole."""
    if target == PIPE:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with replacing(target) as partial, open(partial, "wb") as file:
        yield file


def write_tokens(
    target: str, header: Header, events: Iterable[Event], live: bool = False
) -> tuple[End, Accounting]:
    """Write a ``.sct`` file or stream; ``live`` passes every event on at once."""
    end = End(0, 0, 0)
    with open_output(target) as file:
        writer = Writer(file, header)
        for event in events:
            writer.put(event)
            if live:
                writer.flush()
            if isinstance(event, End):
                end = event
    return end, writer.bits


def write_audio(target: str, portions: Iterable[NDArray[np.float32]], rate: int) -> int:
    """Write audio portion by portion, never holding all of it; returns the samples written."""
    if target == PIPE:
        return _write_pipe(portions, rate)
    written = 0
    try:
        with replacing(target) as partial, open_audio(partial, rate, target) as file:
            for samples in portions:
                file.write(samples.clip(-1.0, 1.0))
                written += len(samples)
    except soundfile.LibsndfileError as error:
        raise SecoustiError(
            f"{target} cannot be written at {rate} Hz ({error.error_string}): choose another "
            "format, or --sample-rate 48000"
        ) from error
    return written


def _write_pipe(portions: Iterable[NDArray[np.float32]], rate: int) -> int:
    writer = WavWriter(sys.stdout.buffer, rate)
    written = 0
    for samples in portions:
        writer.write(samples)
        written += len(samples)
    writer.close()
    return written
