"""The two ends of a session's sound: what waits to be heard, and what leaves, cut to length."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from secousti.audio.mel import MelStream
from secousti.audio.resample import ResampleStream, SincResampler
from secousti.codec import SecoustiCodec
from secousti.serve.packets import mel_packet

Sound = NDArray[np.float32]


class Waiting:
    """Samples that have arrived and are not heard yet, with the times of their arrival."""

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


def samples_for(token: int, codec: SecoustiCodec, resampler: SincResampler) -> int:
    """Samples of the source after which token number ``token`` (from 0) is complete."""
    centered = codec.config.mel.mode == "centered"
    wanted = (token + 1) * codec.frame_size + (codec.mel.overlap // 2 if centered else 0)
    if resampler.orig == resampler.new:
        return wanted
    return resampler.width + (wanted - 1) * resampler.orig // resampler.new + 1


class Speaker:
    """Decoded sound at the codec's rate -> at the client's, cut to the recording's length.

    Cut before resampling and after it, as ``secousti decode`` does.
    """

    def __init__(self, codec_rate: int, rate: int) -> None:
        self._resampler = SincResampler(codec_rate, rate)
        self._stream = ResampleStream(self._resampler)
        self.decoded: int | None = None  # samples in all at the codec's rate, once known
        self._heard = 0
        self.sent = 0

    def push(self, audio: Tensor) -> tuple[Sound, Sound]:
        """Decoded samples [N] -> those that count, and what can be sent."""
        if self.decoded is not None:
            audio = audio[: max(self.decoded - self._heard, 0)]
        self._heard += len(audio)
        out = self._stream.push(audio).numpy()
        self.sent += len(out)
        return audio.numpy(), out

    def finish(self, audio: Tensor, total: int | None) -> tuple[Sound, Sound]:
        """The last decoded samples; ``total``: samples to be sent in all, if they are known."""
        if self.decoded is not None:
            audio = torch.nn.functional.pad(
                audio, (0, max(self.decoded - self._heard - len(audio), 0))
            )
        sent = self.sent
        kept, out = self.push(audio)
        out = np.concatenate([out, self._stream.flush().numpy()])
        if total is None and self.decoded is not None:
            total = self._resampler.output_length(self.decoded)
        if total is not None:
            wanted = max(total - sent, 0)
            out = np.pad(out[:wanted], (0, max(wanted - len(out), 0)))
        self.sent = sent + len(out)
        return kept, out


class MelTap:
    """Mel columns of a sound at ``rate`` Hz, as packets."""

    def __init__(self, codec: SecoustiCodec, rate: int, output: bool) -> None:
        self._resample = ResampleStream(SincResampler(rate, codec.sample_rate))
        self._stream = MelStream(codec.mel, codec.frames_per_token)
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
