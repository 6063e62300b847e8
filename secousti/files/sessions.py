"""Recordings and the events of a ``.sct`` stream: audio -> events -> audio, with any codec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from secousti.audio.reader import AudioReader
from secousti.audio.resample import resampler
from secousti.base import ALL, Codec
from secousti.container import End, Event, Header, Tokens, TruncatedError, Voice
from secousti.container.encoded import gather
from secousti.errors import SecoustiError
from secousti.sessions.decoder import StreamDecoder
from secousti.sessions.encoder import StreamEncoder
from secousti.sessions.ending import Ending, Trimmer
from secousti.sessions.voice_clock import VoicedEncoder

LATENCY = 0.5  # seconds of sound in a record of a live stream


def listen(
    codec: Codec, audio: AudioReader, latency: float = LATENCY, refresh: float | None = None
) -> Iterator[Event]:
    """The events of a live recording, one token run for every ``latency`` seconds.

    The voice is sent as soon as it is known a little, and again as it is known better; with
    ``refresh`` then every so many seconds.

    Raises:
        SecoustiError: no samples, NaN among them, or a codec that needs whole files.
    """
    encoder = VoicedEncoder(StreamEncoder(codec, sample_rate=audio.sample_rate), refresh)
    block = max(1, round(latency * audio.sample_rate))
    frames, ended = 0, False
    while not ended:
        chunk = audio.read(block)
        ended = len(chunk) < block
        voice, codes = encoder.push(chunk, ended)
        if voice is not None:
            yield Voice(frames, voice)
        if codes.shape[1]:
            yield Tokens(frames, codes)
        frames += codes.shape[1]
    if encoder.received == 0:
        raise SecoustiError("the recording has no samples")
    length = resampler(audio.sample_rate, codec.sample_rate).output_length(encoder.received)
    yield End(frames, length, encoder.received)


def speak(
    codec: Codec,
    events: Iterable[Event],
    header: Header,
    sample_rate: int,
    mode: str = ALL,
    live: bool = False,
) -> Iterator[NDArray[np.float32]]:
    """Audio float32 [N] of ``events``, portion by portion, trimmed to the length they tell.

    Of a stream that is cut short the whole records are spoken before the error is raised.

    Args:
        mode: one of ``codec.modes``.
        live: somebody listens while the tokens come. Otherwise a codec that must have all of them
            first waits for them.

    Raises:
        SecoustiError: a codec that cannot speak (so), at once; what reading ``events`` raises.
    """
    codec.check_sent(mode)
    if not live and not codec.streams(mode):
        return _speak_at_once(codec, events, header, sample_rate, mode)
    return _speak_live(StreamDecoder(codec, mode=mode), events, header, sample_rate)


def _speak_live(
    decoder: StreamDecoder, events: Iterable[Event], header: Header, sample_rate: int
) -> Iterator[NDArray[np.float32]]:
    ending = Ending(decoder.codec, sample_rate, tokens_first=True)
    cut: TruncatedError | None = None
    try:
        for event in events:
            if isinstance(event, Voice) and decoder.codec.voice_size:
                decoder.set_voice(event.codes)
            elif isinstance(event, Tokens):
                yield ending.push(decoder.push(event.codes)[0, 0])[1]
            elif isinstance(event, End):
                ending.set_length(event.num_samples, output_samples(event, header, sample_rate))
    except TruncatedError as error:
        cut = error
    yield ending.finish(decoder.flush()[0, 0])[1]
    if cut is not None:
        raise cut


def _speak_at_once(
    codec: Codec, events: Iterable[Event], header: Header, sample_rate: int, mode: str
) -> Iterator[NDArray[np.float32]]:
    encoded, end = gather(events, header)
    audio = codec.decode(encoded, sample_rate, mode)
    trimmer = Trimmer()
    trimmer.total = output_samples(end, header, sample_rate)
    yield trimmer.finish(audio[0, 0].cpu().numpy())


def output_samples(end: End, header: Header, sample_rate: int) -> int:
    """Samples of the recording at ``sample_rate``: exactly the source's if that is its rate."""
    if sample_rate == header.source_sample_rate and end.source_num_samples:
        return end.source_num_samples
    return resampler(header.sample_rate, sample_rate).output_length(end.num_samples)


def expected_samples(header: Header, sample_rate: int) -> float | None:
    """About how many samples at ``sample_rate`` a recording has, if its header knows."""
    if header.num_samples is None:
        return None
    return header.num_samples * sample_rate / header.sample_rate
