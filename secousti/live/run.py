"""One step at a time: a chunk of sound in, its tokens over a lossy channel, sound out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from secousti.base import ALL, Codec
from secousti.encoded import PARALINGUISTIC_BITS
from secousti.sessions.channel import Channel
from secousti.sessions.concealment import LOST
from secousti.sessions.decoder import StreamDecoder
from secousti.sessions.encoder import StreamEncoder
from secousti.sessions.voice_clock import VoicedEncoder


@dataclass(frozen=True)
class Frame:
    """One step.

    ``codes`` int64 [L] ([K, L] of several codebooks) as they were sent, ``lost`` how many frames of
    them did not arrive, ``voice_bits`` what a voice sent with them took.
    """

    received: float  # seconds of sound so far
    codes: Tensor
    lost: int
    audio: NDArray[np.float32]
    encode_seconds: float
    decode_seconds: float
    voice_bits: int


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
        self.seconds = frame.received
        self.tokens += frame.codes.shape[-1]
        self.lost += frame.lost
        self.encode_seconds += frame.encode_seconds
        self.decode_seconds += frame.decode_seconds
        self.voice_bits += frame.voice_bits
        if frame.codes.shape[-1]:
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
    channel: Channel | None = None,
    mode: str = ALL,
    watch: Callable[[Summary], None] | None = None,
) -> Iterator[Frame]:
    """Send ``chunks`` (float32 [N] at ``sample_rate``) through the codec as they come.

    Args:
        output_rate: Hz of the sound returned; the codec's own if not given.
        voice: [1, V] to speak in; if not given the speaker's own, sent as it gets known.
        channel: what it loses on the way, and what is heard instead; nothing if not given.
        mode: one of ``codec.modes``.
        watch: called after every step with what it all took so far.

    The frames' audio, end to end, is what ``decode`` gives (for the same tokens and voice).

    Raises:
        SecoustiError: a codec that cannot work live (in this mode).
    """
    channel = channel or Channel()
    encoder = StreamEncoder(codec, sample_rate=sample_rate)
    decoder = StreamDecoder(
        codec, voice, sample_rate=output_rate, mode=mode, concealment=channel.concealment
    )
    session = _Session(VoicedEncoder(encoder, voice=voice is None), decoder, channel)
    summary = Summary(_seconds(codec, mode), bits_per_token=codec.bits_per_frame)
    for chunk in _with_end(chunks):
        frame = session.step(chunk)
        summary.add(frame)
        if watch is not None:
            watch(summary)
        yield frame


class _Session:
    """Encoder, channel and decoder of one live stream."""

    def __init__(self, encoder: VoicedEncoder, decoder: StreamDecoder, channel: Channel) -> None:
        self._encoder, self._decoder = encoder, decoder
        self._transmission = channel.open()

    def step(self, chunk: NDArray[np.float32] | None) -> Frame:
        """A chunk of sound [N], or ``None`` at the end."""
        start = time.perf_counter()
        samples = np.zeros(0, np.float32) if chunk is None else chunk
        voice, found = self._encoder.push(samples, ended=chunk is None)
        codes = torch.from_numpy(found)
        middle = time.perf_counter()
        if voice is not None:
            self._decoder.set_voice(voice)
        received = self._transmission.send(codes)
        audio = [self._decoder.push(received)] if codes.shape[1] else []
        if chunk is None:
            audio.append(self._decoder.flush())
        return Frame(
            received=self._encoder.seconds,
            codes=codes[0] if len(codes) == 1 else codes,
            lost=int((received[0] == LOST).sum()),
            audio=np.concatenate([np.zeros(0, np.float32), *(a[0, 0].numpy() for a in audio)]),
            encode_seconds=middle - start,
            decode_seconds=time.perf_counter() - middle,
            voice_bits=0 if voice is None else PARALINGUISTIC_BITS * len(voice),
        )


def _seconds(codec: Codec, mode: str) -> float:
    """Algorithmic latency of a codec that works live in ``mode``."""
    latency = codec.latency(mode)
    assert latency is not None
    return latency / codec.sample_rate


def _with_end(chunks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32] | None]:
    """The chunks, then ``None`` for the end."""
    yield from chunks
    yield None
