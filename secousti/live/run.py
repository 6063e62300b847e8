"""One step at a time: a chunk of sound in, its tokens over a lossy channel, sound out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from secousti.codec import SecoustiCodec
from secousti.encoded import PARALINGUISTIC_BITS
from secousti.files.models import Codec
from secousti.files.sessions import ALL_STAGES, VoiceClock, stream_decoder, stream_encoder
from secousti.live.channel import LossyChannel
from secousti.p2psyn.streaming import P2PSynStreamEncoder
from secousti.paralinguistic.wire import dequantize, quantize
from secousti.streaming.concealment import DEFAULT, LOST, Strategy
from secousti.streaming.decoder import StreamDecoder
from secousti.streaming.encoder import StreamEncoder


@dataclass(frozen=True)
class Frame:
    """One step: ``codes`` int64 [L] as they were sent, ``lost`` how many did not arrive."""

    heard: float  # seconds of sound so far
    codes: Tensor
    lost: int
    audio: NDArray[np.float32]
    encode_seconds: float
    decode_seconds: float
    voice_sent: bool


@dataclass
class Summary:
    """What a live session took."""

    algorithmic_latency: float  # seconds
    seconds: float = 0.0
    tokens: int = 0
    lost: int = 0
    bits_per_token: float = 0.0
    voice_bits: int = 0
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    steps: list[float] = field(default_factory=list)  # computing time of steps that gave tokens

    def add(self, frame: Frame) -> None:
        """Count one more step."""
        self.seconds = frame.heard
        self.tokens += len(frame.codes)
        self.lost += frame.lost
        self.encode_seconds += frame.encode_seconds
        self.decode_seconds += frame.decode_seconds
        if frame.voice_sent:
            self.voice_bits += 64 * PARALINGUISTIC_BITS
        if len(frame.codes):
            self.steps.append(frame.encode_seconds + frame.decode_seconds)

    @property
    def real_time_factor(self) -> float:
        """Computing time per second of sound; below 1 is faster than real time."""
        return (self.encode_seconds + self.decode_seconds) / max(self.seconds, 1e-9)

    @property
    def bitrate(self) -> float:
        """Bits per second of tokens."""
        return self.tokens * self.bits_per_token / max(self.seconds, 1e-9)

    @property
    def latency(self) -> float:
        """Algorithmic latency and the median computing time of a step, in seconds."""
        return self.algorithmic_latency + self.step(0.5)

    def step(self, quantile: float) -> float:
        """Computing time of a step, in seconds."""
        return float(np.quantile(self.steps, quantile)) if self.steps else 0.0


def run(
    codec: Codec,
    chunks: Iterable[NDArray[np.float32]],
    sample_rate: int,
    *,
    output_rate: int | None = None,
    voice: Tensor | None = None,
    loss: float = 0.0,
    burst: float | None = None,
    seed: int = 0,
    concealment: Strategy = DEFAULT,
    mode: str = ALL_STAGES,
    watch: Callable[[Summary], None] | None = None,
) -> Iterator[Frame]:
    """Send ``chunks`` (float32 [N] at ``sample_rate``) through the codec as they come.

    Args:
        output_rate: Hz of the sound returned; the codec's own if not given.
        voice: float32 [1, 64] to speak in; if not given the speaker's own, sent as it gets known.
        loss, burst, seed: of the channel, see ``LossyChannel``.
        mode: how a P2PSynCodec decodes, as in its ``decode``.
        watch: called after every step with what it all took so far.

    The frames' audio, end to end, is what ``decode`` gives (for the same tokens and voice).

    Raises:
        SecoustiError: a codec that cannot work live (in this mode).
    """
    channel = LossyChannel(loss, seed, burst)
    encoder = stream_encoder(codec, sample_rate)
    decoder = stream_decoder(codec, mode, output_rate, concealment)
    clock = None if voice is not None else VoiceClock(None)
    if voice is not None and isinstance(decoder, StreamDecoder):
        decoder.set_paralinguistic(voice)
    summary = Summary(live_latency(codec), bits_per_token=codec.bits_per_frame)
    heard = 0
    for chunk in _with_end(chunks):
        start = time.perf_counter()
        codes = (encoder.flush() if chunk is None else encoder.push(chunk))[0, 0].cpu()
        heard += 0 if chunk is None else len(chunk)
        vector = _voice(encoder, clock, heard / sample_rate) if len(codes) else None
        middle = time.perf_counter()
        if vector is not None and isinstance(decoder, StreamDecoder):
            decoder.set_paralinguistic(vector)
        received = channel.send(codes)
        audio = [decoder.push(received)] if len(codes) else []
        if chunk is None:
            audio.append(decoder.flush())
        sound = np.concatenate([np.zeros(0, np.float32), *(a[0, 0].numpy() for a in audio)])
        frame = Frame(
            heard=heard / sample_rate,
            codes=codes,
            lost=int((received == LOST).sum()),
            audio=sound,
            encode_seconds=middle - start,
            decode_seconds=time.perf_counter() - middle,
            voice_sent=vector is not None,
        )
        summary.add(frame)
        if watch is not None:
            watch(summary)
        yield frame


def live_latency(codec: Codec) -> float:
    """Algorithmic latency of a codec that works live, in seconds."""
    if isinstance(codec, SecoustiCodec):
        return codec.latency / codec.sample_rate
    # codec.latency speaks of all modes: it is None if only the plain one is live
    return (codec.frame_size + codec.delay) / codec.sample_rate


def _with_end(chunks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32] | None]:
    """The chunks, then ``None`` for the end."""
    yield from chunks
    yield None


def _voice(
    encoder: StreamEncoder | P2PSynStreamEncoder, clock: VoiceClock | None, seconds: float
) -> Tensor | None:
    """The speaker's vector as the wire carries it, when there is one and it is time to send it."""
    if not isinstance(encoder, StreamEncoder) or clock is None or not clock.due(seconds):
        return None
    return dequantize(quantize(encoder.paralinguistic()))
