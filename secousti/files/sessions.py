"""Live sessions of whatever kind of codec: audio -> events of a ``.sct`` stream -> audio."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from secousti.audio.reader import AudioReader
from secousti.audio.resample import ResampleStream, SincResampler
from secousti.codec import SecoustiCodec
from secousti.container import End, Event, Header, Tokens, TruncatedError, Voice
from secousti.container.encoded import gather, voice_vector
from secousti.errors import SecoustiError
from secousti.files.models import Codec
from secousti.p2psyn.streaming import P2PSynStreamDecoder, P2PSynStreamEncoder
from secousti.paralinguistic.wire import quantize
from secousti.streaming.concealment import DEFAULT, Strategy
from secousti.streaming.decoder import StreamDecoder
from secousti.streaming.encoder import StreamEncoder

ALL_STAGES = "all"  # the mode in which a codec decodes unless it is told otherwise
LATENCY = 0.5  # seconds of sound in a record of a live stream
# Who speaks is sent as soon as something was heard, and again when much more has been.
_VOICE_TIMES = (0.0, 0.25, 1.0, 3.5)


def stream_encoder(codec: Codec, sample_rate: int) -> StreamEncoder | P2PSynStreamEncoder:
    """A live encoder for audio at ``sample_rate``.

    Raises:
        SecoustiError: the codec's encoder needs the whole recording.
    """
    check_causal(codec)
    if isinstance(codec, SecoustiCodec):
        return StreamEncoder(codec, sample_rate=sample_rate)
    return P2PSynStreamEncoder(codec, sample_rate=sample_rate)


def stream_decoder(
    codec: Codec,
    mode: str = ALL_STAGES,
    sample_rate: int | None = None,
    concealment: Strategy = DEFAULT,
) -> StreamDecoder | P2PSynStreamDecoder:
    """A live decoder.

    Args:
        mode: how a P2PSynCodec decodes, as in its ``decode``.
        sample_rate: Hz of the audio returned; the codec's own if not given.
        concealment: what is heard for lost tokens.

    Raises:
        SecoustiError: the codec needs the whole recording or has no vocoder, or a mode that it
            does not have.
    """
    check_causal(codec)
    check_mode(codec, mode)
    if isinstance(codec, SecoustiCodec):
        return StreamDecoder(codec, sample_rate=sample_rate, concealment=concealment)
    return P2PSynStreamDecoder(codec, sample_rate=sample_rate, mode=mode, concealment=concealment)


def is_causal(codec: Codec) -> bool:
    """Whether the codec can encode live, and decode so at least its plain tokens."""
    if isinstance(codec, SecoustiCodec):
        return codec.config.seanet.causal and codec.config.transformer.causal
    return codec.config.backbone.causal


def speaks_live(codec: Codec, mode: str) -> bool:
    """Whether the codec can decode tokens as they come.

    Raises:
        SecoustiError: a mode that it does not have.
    """
    check_mode(codec, mode)
    return is_causal(codec) if isinstance(codec, SecoustiCodec) else codec.streams(mode)


def check_causal(codec: Codec) -> None:
    """Raise a ``SecoustiError`` unless the codec can encode live."""
    if not is_causal(codec):
        raise SecoustiError(
            f"the model {codec.model_id!r} is not causal, so it needs whole files instead of pipes"
        )


def check_mode(codec: Codec, mode: str) -> None:
    """Raise a ``SecoustiError`` for a mode that this kind of codec does not have in a file."""
    if isinstance(codec, SecoustiCodec) and mode != ALL_STAGES:
        raise SecoustiError(
            f"mode {mode!r} is for a P2PSynCodec; the model {codec.model_id!r} is a SecoustiCodec"
        )
    if mode == "oracle":
        raise SecoustiError("mode 'oracle' needs the tokens of every stage, and only one is sent")


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
    codec: Codec, audio: AudioReader, latency: float = LATENCY, refresh: float | None = None
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
    mode: str = ALL_STAGES,
    live: bool = False,
) -> Iterator[NDArray[np.float32]]:
    """Audio float32 [N] of ``events``, portion by portion, trimmed to the length they tell.

    Of a stream that is cut short the whole records are spoken before the error is raised.

    Args:
        mode: how a P2PSynCodec decodes, as in its ``decode``.
        live: somebody listens while the tokens come. Otherwise a codec that must have all of them
            first waits for them.

    Raises:
        SecoustiError: a codec that cannot speak (so), at once; what reading ``events`` raises.
    """
    if not live and not speaks_live(codec, mode):
        return _speak_at_once(codec, events, header, sample_rate, mode)
    return _speak_live(codec, stream_decoder(codec, mode), events, header, sample_rate)


def _speak_live(
    codec: Codec,
    decoder: StreamDecoder | P2PSynStreamDecoder,
    events: Iterable[Event],
    header: Header,
    sample_rate: int,
) -> Iterator[NDArray[np.float32]]:
    output = _Output(codec, sample_rate)
    cut: TruncatedError | None = None
    try:
        for event in events:
            if isinstance(event, Voice) and isinstance(decoder, StreamDecoder):
                decoder.set_paralinguistic(voice_vector(event))
            elif isinstance(event, Tokens):
                yield output.push(decoder.push(event.codes)[0, 0])
            elif isinstance(event, End):
                output.set_length(event, header)
    except TruncatedError as error:
        cut = error
    yield output.finish(decoder.flush()[0, 0])
    if cut is not None:
        raise cut


class _Output:
    """From a decoder's audio to the recording: trimmed as offline, resampled, trimmed again."""

    def __init__(self, codec: Codec, sample_rate: int) -> None:
        self._resample = ResampleStream(SincResampler(codec.sample_rate, sample_rate))
        self._sample_rate = sample_rate
        # More than any codec pads at the end, and more than rounding between rates can add.
        self._decoded = Trimmer(codec.frame_size + codec.hop_length)
        self._resampled = Trimmer(math.ceil(sample_rate / codec.sample_rate) + 2)

    def set_length(self, end: End, header: Header) -> None:
        """What the end record says."""
        self._decoded.total = end.num_samples
        self._resampled.total = output_samples(end, header, self._sample_rate)

    def push(self, audio: Tensor) -> NDArray[np.float32]:
        """Audio [N] of the decoder -> the samples that are sure by now."""
        samples = self._decoded.push(audio.cpu().numpy())
        return self._resampled.push(self._resample.push(torch.from_numpy(samples)).numpy())

    def finish(self, audio: Tensor) -> NDArray[np.float32]:
        """The decoder's last audio [N] -> the rest of the recording."""
        samples = torch.from_numpy(self._decoded.finish(audio.cpu().numpy()))
        rest = torch.cat([self._resample.push(samples), self._resample.flush()])
        return self._resampled.finish(rest.numpy())


def _speak_at_once(
    codec: Codec, events: Iterable[Event], header: Header, sample_rate: int, mode: str
) -> Iterator[NDArray[np.float32]]:
    encoded, end = gather(events, header)
    if isinstance(codec, SecoustiCodec):
        audio = codec.decode(encoded, sample_rate)
    else:
        audio = codec.decode(encoded, sample_rate, mode)
    trimmer = Trimmer(0)
    trimmer.total = output_samples(end, header, sample_rate)
    yield trimmer.finish(audio[0, 0].cpu().numpy())


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
