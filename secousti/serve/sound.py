"""A session's sound: what waits to be encoded, and its mel columns."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from secousti.audio.mel import MelStream
from secousti.audio.resample import ResampleStream, SincResampler, resampler
from secousti.base import Codec
from secousti.serve.packets import mel_packet

Sound = NDArray[np.float32]


class Waiting:
    """Samples that have arrived and are not encoded yet, with the times of their arrival."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[Sound, float]] = deque()
        self.total = 0  # samples ever put
        self.taken = 0

    def put(self, samples: Sound, arrival: float) -> None:
        """Add samples [N]."""
        if len(samples):
            self._chunks.append((samples, arrival))
            self.total += len(samples)

    def take(self, count: int) -> tuple[Sound, float]:
        """The next ``count`` samples (there are as many), and when the last of them came."""
        self.taken += count
        parts: list[Sound] = []
        arrival = 0.0
        while count:
            samples, arrival = self._chunks.popleft()
            if len(samples) > count:
                self._chunks.appendleft((samples[count:], arrival))
                samples = samples[:count]
            parts.append(samples)
            count -= len(samples)
        return np.concatenate([np.zeros(0, np.float32), *parts]), arrival


def samples_for(token: int, codec: Codec, resampler: SincResampler) -> int:
    """Samples of the source after which token number ``token`` (from 0) is complete."""
    wanted = (token + 1) * codec.frame_size + codec.lookahead
    if resampler.orig == resampler.new:
        return wanted
    return resampler.width + (wanted - 1) * resampler.orig // resampler.new + 1


class MelTap:
    """Mel columns of a sound at ``rate`` Hz, as packets."""

    def __init__(self, codec: Codec, rate: int, output: bool) -> None:
        self._resample = ResampleStream(resampler(rate, codec.sample_rate))
        mel = codec.display_mel()
        frames, rest = divmod(codec.frame_size, mel.config.hop_length)
        self._stream = MelStream(mel, 1 if rest else frames)
        self._output = output
        self._columns = 0

    def push(self, samples: Tensor) -> list[bytes]:
        """Samples [N] -> the packets of columns they complete."""
        return self._packets(self._stream.push(self._resample.push(samples)))

    def finish(self) -> list[bytes]:
        """The columns that only the end completes."""
        rest = self._stream.push(self._resample.flush())
        return self._packets(torch.cat([rest, self._stream.flush()], dim=-1))

    def _packets(self, mel: Tensor) -> list[bytes]:
        if not mel.shape[-1]:
            return []
        packet = mel_packet(mel.cpu().numpy(), self._columns, self._output)
        self._columns += mel.shape[-1]
        return [packet]
