"""Live sessions of whatever kind of codec: audio -> events of a ``.sct`` stream -> audio."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from secousti.audio.resample import SincResampler
from secousti.codec import SecoustiCodec
from secousti.container import End, Event, Header, Tokens, TruncatedError, Voice
from secousti.container.encoded import gather, voice_vector
from secousti.errors import SecoustiError
from secousti.files.models import Codec
from secousti.files.wav import WavReader
from secousti.p2psyn.streaming import P2PSynStreamDecoder, P2PSynStreamEncoder
from secousti.paralinguistic.wire import quantize
from secousti.streaming.decoder import StreamDecoder
from secousti.streaming.encoder import StreamEncoder

LATENCY = 0.5  # seconds of sound in a record of a live stream
# Who speaks is sent as soon as something was heard, and again when much more has been.
_VOICE_TIMES = (0.0, 0.25, 1.0, 3.5)


def stream_encoder(codec: Codec, sample_rate: int) -> StreamEncoder | P2PSynStreamEncoder:
    """A live encoder for audio at ``sample_rate``.

    Raises:
        SecoustiError: the codec needs the whole recording.
    """
    _check_causal(codec)
    if isinstance(codec, SecoustiCodec):
        return StreamEncoder(codec, sample_rate=sample_rate)
    return P2PSynStreamEncoder(codec, sample_rate=sample_rate)


def stream_decoder(codec: Codec, sample_rate: int) -> StreamDecoder | P2PSynStreamDecoder:
    """A live decoder that speaks at ``sample_rate``.

    Raises:
        SecoustiError: the codec needs the whole recording, or has no vocoder.
    """
    _check_causal(codec)
    if isinstance(codec, SecoustiCodec):
        return StreamDecoder(codec, sample_rate=sample_rate)
    return P2PSynStreamDecoder(codec, sample_rate=sample_rate)


def is_causal(codec: Codec) -> bool:
    """Whether the codec can work live."""
    if isinstance(codec, SecoustiCodec):
        return codec.config.seanet.causal and codec.config.transformer.causal
    return codec.causal


def _check_causal(codec: Codec) -> None:
    if not is_causal(codec):
        raise SecoustiError(
            f"the model {codec.model_id!r} is not causal, so it needs whole files instead of pipes"
        )


class VoiceClock:
    """When the paralinguistic vector is sent: soon, better, and then every ``refresh`` seconds."""

    def __init__(self, refresh: float | None) -> None:
        self._refresh = refresh
        self._next = 0.0

    def due(self, seconds: float) -> bool:
        """Whether it is to be sent now that ``seconds`` have been heard; asked once, then not."""
        if seconds < self._next:
            return False
        later = [time for time in _VOICE_TIMES if time > seconds]
        refresh = math.inf if self._refresh is None else seconds + self._refresh
        self._next = later[0] if later else refresh
        return True


def listen(
    codec: Codec, audio: WavReader, latency: float = LATENCY, refresh: float | None = None
) -> Iterator[Event]:
    """The events of a live recording, one token run for every ``latency`` seconds.

    The voice is sent as soon as it is known a little, and again as it is known better; with
    ``refresh`` then every so many seconds.

    Raises:
        SecoustiError: no samples, NaN among them, or a codec that needs whole files.
    """
    encoder = stream_encoder(codec, audio.sample_rate)
    clock = VoiceClock(refresh)
    block = max(1, round(latency * audio.sample_rate))
    heard, frames, ended = 0, 0, False
    while not ended:
        chunk = audio.read(block)
        heard, ended = heard + len(chunk), len(chunk) < block
        runs = [encoder.push(torch.from_numpy(chunk))[0]]
        voice = _voice(encoder)
        if ended:
            runs.append(encoder.flush()[0])
        codes = torch.cat(runs, dim=1).cpu().numpy()
        if codes.shape[1] and voice is not None and clock.due(heard / audio.sample_rate):
            yield Voice(frames, voice)
        if codes.shape[1]:
            yield Tokens(frames, codes)
        frames += codes.shape[1]
    if heard == 0:
        raise SecoustiError("the recording has no samples")
    resampler = SincResampler(audio.sample_rate, codec.sample_rate)
    yield End(frames, resampler.output_length(heard), heard)


def _voice(encoder: StreamEncoder | P2PSynStreamEncoder) -> NDArray[np.int8] | None:
    """What a stream has heard of the voice; ``None`` before its first mel frame."""
    if not isinstance(encoder, StreamEncoder):
        return None
    try:
        return quantize(encoder.paralinguistic()[0]).cpu().numpy()
    except SecoustiError:
        return None


def speak(
    codec: Codec,
    events: Iterable[Event],
    header: Header,
    sample_rate: int,
) -> Iterator[NDArray[np.float32]]:
    """Audio float32 [N] of ``events``, portion by portion, trimmed to the length they tell.

    Of a stream that is cut short the whole records are spoken before the error is raised.

    Raises:
        SecoustiError: what reading ``events`` raises; a codec that cannot speak.
    """
    if not is_causal(codec):
        yield _speak_at_once(codec, events, header, sample_rate)
        return
    decoder = stream_decoder(codec, sample_rate)
    unit = codec.frame_size + codec.hop_length  # more than any codec pads at the end
    trimmer = Trimmer(-(-unit * sample_rate // codec.sample_rate))
    cut: TruncatedError | None = None
    try:
        for event in events:
            if isinstance(event, Voice) and isinstance(decoder, StreamDecoder):
                decoder.set_paralinguistic(voice_vector(event))
            elif isinstance(event, Tokens):
                yield trimmer.push(decoder.push(event.codes)[0, 0].cpu().numpy())
            elif isinstance(event, End):
                trimmer.total = output_samples(event, header, sample_rate)
    except TruncatedError as error:
        cut = error
    yield trimmer.finish(decoder.flush()[0, 0].cpu().numpy())
    if cut is not None:
        raise cut


def _speak_at_once(
    codec: Codec, events: Iterable[Event], header: Header, sample_rate: int
) -> NDArray[np.float32]:
    encoded, end = gather(events, header)
    audio = codec.decode(encoded, sample_rate)[0, 0].cpu().numpy()
    trimmer = Trimmer(0)
    trimmer.total = output_samples(end, header, sample_rate)
    return trimmer.finish(audio)


def output_samples(end: End, header: Header, sample_rate: int) -> int:
    """Samples of the recording at ``sample_rate``: exactly the source's if that is its rate."""
    if sample_rate == header.source_sample_rate and end.source_num_samples:
        return end.source_num_samples
    return SincResampler(header.sample_rate, sample_rate).output_length(end.num_samples)


class Trimmer:
    """Holds back the last ``hold`` samples of a stream until its length is known."""

    def __init__(self, hold: int) -> None:
        self.total: int | None = None
        self._hold = hold
        self._given = 0
        self._held = np.zeros(0, np.float32)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is surely part of the recording."""
        held = np.concatenate([self._held, samples])
        count = max(len(held) - self._hold, 0)
        self._held = held[count:]
        self._given += count
        return held[:count]

    def finish(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The rest, cut or padded with silence to ``total`` samples in all."""
        rest = np.concatenate([self._held, samples])
        if self.total is None:
            return rest
        wanted = max(self.total - self._given, 0)
        return np.pad(rest[:wanted], (0, max(wanted - len(rest), 0)))
