"""Where recordings come from: files, WAV through a pipe, other audio through a pipe."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import soundfile

from secousti.audio.io import AUDIO_SUFFIXES
from secousti.container import MAGIC, Event, Header, Reader
from secousti.container.encoded import codec_header, encoded_events
from secousti.container.info import SCT
from secousti.container.limits import MAX_SECONDS
from secousti.errors import SecoustiError
from secousti.files.models import Codec, Shelf
from secousti.files.sessions import LATENCY, listen
from secousti.files.wav import WavReader
from secousti.paths import PIPE, STDIN

SOUND_OR_TOKENS = AUDIO_SUFFIXES | {SCT}


@dataclass(frozen=True)
class Speech:
    """A recording as the events of a ``.sct`` stream, with the header they go with.

    ``live``: they come through a pipe and want to be passed on at once. ``reader``: what reads
    them, if they were tokens already.
    """

    codec: Codec
    header: Header
    events: Iterator[Event]
    live: bool = False
    reader: Reader | None = None


class Rewound:
    """A pipe whose first bytes were read to see what it is, given back."""

    def __init__(self, begun: bytes, file: BinaryIO) -> None:
        self.begun = begun
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """The bytes given back first, then the pipe's."""
        if not self.begun:
            return self._file.read(size)
        data = self.begun if size < 0 else self.begun[:size]
        self.begun = self.begun[len(data) :]
        return data


def standard_input() -> Rewound:
    """Standard input with its first four bytes to be looked at.

    Raises:
        SecoustiError: it is empty.
    """
    begun = sys.stdin.buffer.read(len(MAGIC))
    if not begun:
        raise SecoustiError("standard input is empty")
    return Rewound(begun, sys.stdin.buffer)


def open_speech(
    source: str,
    shelf: Shelf,
    payload: str = "packed",
    latency: float = LATENCY,
    refresh: float | None = None,
) -> AbstractContextManager[Speech]:
    """Audio or ``.sct``, a file or a pipe.

    Audio files are encoded at once, WAV from a pipe as it arrives; other audio from a pipe (FLAC,
    MP3) is gathered first, as its formats need.

    Raises:
        SecoustiError: neither audio nor ``.sct``, empty, NaN among the samples, no such model.
    """
    if source != PIPE:
        if _begins_like_sct(source):
            return open_tokens(source, shelf)
        return nullcontext(_whole(source, shelf.default(), payload))
    pipe = standard_input()
    if pipe.begun == MAGIC:
        return nullcontext(read_tokens(Reader(pipe, STDIN), shelf, live=True))
    if pipe.begun in (b"RIFF", b"RF64"):
        return nullcontext(_live(pipe, shelf.default(), payload, latency, refresh))
    return nullcontext(_gathered(pipe, shelf.default(), payload))


def _live(
    pipe: Rewound, codec: Codec, payload: str, latency: float, refresh: float | None
) -> Speech:
    audio = WavReader(pipe, STDIN)
    header = codec_header(codec, payload=payload, source_sample_rate=audio.sample_rate)
    return Speech(codec, header, listen(codec, audio, latency, refresh), live=True)


def _gathered(pipe: Rewound, codec: Codec, payload: str) -> Speech:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "standard input"
        with open(path, "wb") as file:
            shutil.copyfileobj(pipe, file)
        return _whole(str(path), codec, payload, STDIN)


def _whole(path: str, codec: Codec, payload: str, name: str | None = None) -> Speech:
    try:
        encoded = codec.encode(path)
        about: Any = soundfile.info(path)
    except SecoustiError as error:
        raise SecoustiError(str(error).replace(path, name or path)) from error
    header = codec_header(
        codec,
        payload=payload,
        source_sample_rate=about.samplerate,
        num_samples=int(encoded.num_samples[0]),
    )
    return Speech(codec, header, encoded_events(encoded, about.frames))


@contextmanager
def open_tokens(source: str, shelf: Shelf, max_seconds: float = MAX_SECONDS) -> Iterator[Speech]:
    """A ``.sct`` file or pipe.

    Raises:
        SecoustiError: not a ``.sct`` file, or its model is not at hand.
    """
    if source == PIPE:
        reader = Reader(sys.stdin.buffer, STDIN, max_seconds=max_seconds)
        yield read_tokens(reader, shelf, live=True)
        return
    with open(source, "rb") as file:
        yield read_tokens(Reader(file, source, max_seconds=max_seconds), shelf, live=False)


def read_tokens(reader: Reader, shelf: Shelf, live: bool) -> Speech:
    """What ``reader`` reads, with the codec that it is for."""
    codec = shelf.codec(reader.header, reader.name)
    return Speech(codec, reader.header, iter(reader), live, reader)


def _begins_like_sct(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC
