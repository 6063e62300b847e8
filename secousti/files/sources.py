"""Where recordings come from: files, pipes and devices, with a header or without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from secousti.audio.io import AUDIO_SUFFIXES
from secousti.audio.opening import Rewound, open_audio
from secousti.audio.raw import RawFormat, RawReader
from secousti.audio.reader import AudioReader
from secousti.base import Codec
from secousti.container import MAGIC, Event, Header, Reader, Voice
from secousti.container.encoded import codec_header, encoded_events, reads_voices
from secousti.container.info import SCT
from secousti.container.limits import MAX_SECONDS
from secousti.errors import SecoustiError
from secousti.files.models import LoadedCodecs
from secousti.files.progress import Told, WatchedReader, ignore
from secousti.files.sessions import LATENCY, listen
from secousti.paths import PIPE, STDIN, is_stream

SOUND_OR_TOKENS = AUDIO_SUFFIXES | {SCT}


@dataclass(frozen=True)
class Speech:
    """A recording as the events of a ``.sct`` stream, with the header they go with.

    ``live``: they come through a pipe and want to be passed on at once. ``reader``: what reads
    them, if they were tokens already. ``note``: what the user should know of them.
    """

    codec: Codec
    header: Header
    events: Iterator[Event]
    live: bool = False
    reader: Reader | None = None
    note: str | None = None


@dataclass(frozen=True)
class Opened:
    """An input, open, with its first bytes to be looked at.

    ``live``: it is a pipe or a device, which cannot seek. ``path``: of a file.
    """

    file: Any
    begun: bytes
    name: str
    live: bool
    path: str | None = None


@contextmanager
def open_input(source: str) -> Iterator[Opened]:
    """Standard input (``-``), a pipe, a device, or a file.

    Raises:
        SecoustiError: it cannot be opened.
    """
    if source == PIPE:
        yield _begun(sys.stdin.buffer, STDIN, True)
        return
    try:
        file = open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise SecoustiError(f"{source} cannot be read: {error.strerror or error}") from error
    with file:
        live = is_stream(source)
        yield _begun(file, source, live, None if live else source)


def _begun(file: Any, name: str, live: bool, path: str | None = None) -> Opened:
    begun = file.read(len(MAGIC))
    if live:
        return Opened(Rewound(begun, file), begun, name, True)
    file.seek(0)
    return Opened(file, begun, name, False, path)


@contextmanager
def open_speech(
    source: str,
    codecs: LoadedCodecs,
    entropy: str | None = None,
    latency: float = LATENCY,
    refresh: float | None = None,
    raw: RawFormat | None = None,
    told: Told = ignore,
) -> Iterator[Speech]:
    """Audio or ``.sct``, a file, a pipe or a device.

    Audio files are encoded at once, WAV from a pipe as it arrives; other audio from a pipe (FLAC,
    MP3) is gathered first, as its formats need. ``raw``: what samples without a header are.
    ``told``: which share of a file was read.

    Raises:
        SecoustiError: neither audio nor ``.sct``, empty, NaN among the samples, no such model.
    """
    with open_input(source) as opened:
        if opened.live and not opened.begun:
            raise SecoustiError(f"{opened.name} is empty")
        if raw is None and opened.begun == MAGIC:
            yield read_tokens(
                Reader(opened.file, opened.name, coders=codecs.coders), codecs, opened.live
            )
            return
        with _reader(opened, raw) as audio:
            codec = codecs.default()
            if opened.live and audio.arrives:
                yield _live(audio, codec, entropy, latency, refresh)
                audio.drain()
            else:
                yield _whole(WatchedReader(audio, told), codec, entropy)


def _reader(opened: Opened, raw: RawFormat | None) -> AudioReader:
    if raw is not None:
        return RawReader(opened.file, raw, opened.name)
    return open_audio(opened.file, opened.name, opened.path)


def _live(
    audio: AudioReader, codec: Codec, entropy: str | None, latency: float, refresh: float | None
) -> Speech:
    header = codec_header(codec, payload=entropy, source_sample_rate=audio.sample_rate)
    return Speech(codec, header, listen(codec, audio, latency, refresh), live=True)


def _whole(audio: AudioReader, codec: Codec, entropy: str | None) -> Speech:
    encoded = codec.encode_reader(audio)
    header = codec_header(
        codec,
        payload=entropy,
        source_sample_rate=audio.sample_rate,
        num_samples=int(encoded.num_samples[0]),
    )
    return Speech(codec, header, encoded_events(encoded, audio.given))


@contextmanager
def open_tokens(
    source: str, codecs: LoadedCodecs, max_seconds: float = MAX_SECONDS
) -> Iterator[Speech]:
    """A ``.sct`` file, pipe or device.

    Raises:
        SecoustiError: not a ``.sct`` file, or its model is not at hand.
    """
    with open_input(source) as opened:
        reader = Reader(opened.file, opened.name, max_seconds=max_seconds, coders=codecs.coders)
        yield read_tokens(reader, codecs, opened.live)


def read_tokens(reader: Reader, codecs: LoadedCodecs, live: bool) -> Speech:
    """What ``reader`` reads, with the codec that it is for."""
    told = reader.header
    codec = codecs.codec(told, reader.name)
    header = codec_header(
        codec,
        source_sample_rate=told.source_sample_rate,
        num_samples=told.num_samples,
        extra=told.extra,
    )
    if reads_voices(told, codec):
        return Speech(codec, header, iter(reader), live, reader)
    note = (
        f"{reader.name}: its voice was made by another voice encoder (voice hash "
        f"{told.voice_hash}) than that of {codec.model_id!r}, which speaks in an average voice"
    )
    tokens = (event for event in reader if not isinstance(event, Voice))
    return Speech(codec, header, tokens, live, reader, note)
