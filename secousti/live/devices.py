"""Microphone, speaker, files and pipes as streams of chunks."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError, require
from secousti.files.sinks import write_audio
from secousti.files.wav import WavReader, WavWriter

Sound = NDArray[np.float32]

PIPE, MICROPHONE, SPEAKER = "-", "mic", "speaker"


def open_source(source: str, block: float, rate: int, pace: bool) -> tuple[Iterator[Sound], int]:
    """Chunks of about ``block`` seconds, and their sample rate.

    Args:
        source: a recording, ``-`` (a WAV on standard input) or ``mic``.
        rate: Hz to record at; files and pipes have their own.
        pace: give a recording's chunks out no faster than they were spoken.
    """
    if source == MICROPHONE:
        return _microphone(_sounddevice(), block, rate), rate
    if source == PIPE:
        audio = WavReader(sys.stdin.buffer, "standard input")
        return _pipe(audio, round(block * audio.sample_rate)), audio.sample_rate
    from secousti.audio.io import load_audio

    wav, rate = load_audio(source)
    chunks: Iterator[Sound] = (c.numpy() for c in wav.split(max(1, round(block * rate))))
    return (_paced(chunks, rate) if pace else chunks), rate


@contextmanager
def open_sink(target: str, rate: int) -> Iterator[Callable[[Sound], None]]:
    """A function that takes samples float32 [N]; a file appears whole when the block is left."""
    if target == SPEAKER:
        with _sounddevice().OutputStream(samplerate=rate, channels=1, dtype="float32") as stream:
            yield lambda samples: stream.write(np.ascontiguousarray(samples[:, None]))
    elif target == PIPE:
        writer = WavWriter(sys.stdout.buffer, rate)
        yield writer.write
        writer.close()
    else:
        portions: list[Sound] = []
        yield portions.append
        write_audio(target, portions, rate)


def _pipe(audio: WavReader, block: int) -> Iterator[Sound]:
    while len(chunk := audio.read(block)):
        yield chunk


def _paced(chunks: Iterator[Sound], rate: int) -> Iterator[Sound]:
    start, spoken = time.monotonic(), 0
    for chunk in chunks:
        spoken += len(chunk)
        time.sleep(max(0.0, start + spoken / rate - time.monotonic()))
        yield chunk


def _microphone(device: Any, block: float, rate: int) -> Iterator[Sound]:
    chunks: queue.SimpleQueue[Sound] = queue.SimpleQueue()

    def put(samples: Sound, _frames: int, _time: object, _status: object) -> None:
        chunks.put(samples[:, 0].copy())

    with device.InputStream(
        samplerate=rate, blocksize=round(block * rate), channels=1, dtype="float32", callback=put
    ):
        while True:
            yield chunks.get()


def _sounddevice() -> Any:
    try:
        device = require("sounddevice", "live")
        device.query_devices()
    except SecoustiError as error:
        if isinstance(error.__cause__, OSError):  # the package is there, what it calls is not
            raise SecoustiError(
                "the system library PortAudio, through which sound devices are used, is missing: "
                "install it (Debian and Ubuntu: apt install libportaudio2; Fedora: dnf install "
                "portaudio; conda: conda install portaudio)"
            ) from error
        raise
    except Exception as error:  # PortAudio's own, which need not be importable
        raise SecoustiError(f"no sound device can be used here: {error}") from error
    return device
