"""Windowed-sinc resampling, whole or as a stream.

The resampler is part of the codec: tokens depend on it. So there is one, the Hann-windowed sinc
of the release (torchaudio's default: 6 zero crossings, roll-off 0.99), written so that a stream
gives the offline samples and waits only for the zero crossings ahead.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.ambient import float32_default

ZERO_CROSSINGS = 6
ROLLOFF = 0.99
_DENSE_LIMIT = 1 << 20  # entries of a whole period's matrix; odd rates would need gigabytes
_BLOCK = 1 << 16  # output samples gathered at once where the matrix is too large


class SincResampler:
    """Resample audio [..., N] from ``orig_rate`` to ``new_rate`` Hz, in its own precision.

    Output sample n is centred on input ``n * orig / new``; there are
    ``ceil(N * new_rate / orig_rate)`` of them.
    """

    def __init__(self, orig_rate: int, new_rate: int) -> None:
        common = math.gcd(orig_rate, new_rate)
        self.orig, self.new = orig_rate // common, new_rate // common
        self.cutoff = min(self.orig, self.new) * ROLLOFF
        # Input samples each side of an output sample.
        self.width = math.ceil(ZERO_CROSSINGS * self.orig / self.cutoff)
        self._dense = self.new * (self.orig + 2 * self.width) <= _DENSE_LIMIT
        self._filters = self._matrix() if self._dense else self._taps()

    def __call__(self, wav: Tensor) -> Tensor:
        if self.orig == self.new:
            return wav
        padded = F.pad(wav, (self.width, self.width + self.orig))
        return self.outputs(padded, 0, 0, self.output_length(wav.shape[-1]))

    def output_length(self, num_samples: int) -> int:
        """Samples after resampling ``num_samples`` samples."""
        return -(-num_samples * self.new // self.orig)

    def outputs(self, inputs: Tensor, first_period: int, start: int, end: int) -> Tensor:
        """Output samples ``start`` to ``end``.

        A period is ``orig`` input and ``new`` output samples. ``inputs`` [..., N] begin with the
        leftmost tap of the first output of ``first_period`` and reach the last tap needed.
        """
        if not self._dense:
            return self._gather(inputs, first_period, start, end)
        skip = start // self.new - first_period
        periods = -(-end // self.new) - start // self.new
        size = self.orig + 2 * self.width
        needed = (skip + periods - 1) * self.orig + size
        inputs = F.pad(inputs, (0, max(0, needed - inputs.shape[-1])))[..., :needed]
        flat = inputs[..., skip * self.orig :].reshape(-1, 1, needed - skip * self.orig)
        out = F.conv1d(flat, self._filters.to(inputs), stride=self.orig)
        out = out.transpose(1, 2).reshape(*inputs.shape[:-1], -1)
        offset = start // self.new * self.new
        return out[..., start - offset : end - offset]

    def _gather(self, inputs: Tensor, first_period: int, start: int, end: int) -> Tensor:
        windows = inputs.unfold(-1, 2 * self.width + 1, 1)
        filters = self._filters.to(inputs)
        blocks = []
        for block in range(start, end, _BLOCK):
            n = torch.arange(block, min(block + _BLOCK, end), device=inputs.device)
            rows = n * self.orig // self.new - first_period * self.orig
            blocks.append((windows.index_select(-2, rows) * filters[n % self.new]).sum(-1))
        return torch.cat(blocks, dim=-1)

    def _matrix(self) -> Tensor:
        """What every input of a period adds to its outputs, [new, 1, orig + 2 * width].

        Applied as a strided convolution, the very operation of torchaudio, to its last bit.
        """
        inputs = torch.arange(-self.width, self.orig + self.width)
        return self._sinc(inputs, torch.arange(self.new)[:, None])[:, None]

    def _taps(self) -> Tensor:
        """The filter of each output of a period over the inputs it reads, [new, 2 * width + 1]."""
        phases = torch.arange(self.new)[:, None]
        inputs = phases * self.orig // self.new + torch.arange(-self.width, self.width + 1)
        return self._sinc(inputs, phases)

    def _sinc(self, inputs: Tensor, phases: Tensor) -> Tensor:
        """Hann-windowed sinc at the distance of input and output samples.

        The phase is rounded to float32 and the rest is float64, because so it is in torchaudio's
        ``Resample``, by which the release resamples: 1e-7 here is 1e-3 in a nearly silent mel band.
        """
        t = (-phases).float() / self.new + inputs.double() / self.orig
        t = (t * self.cutoff).clamp(-ZERO_CROSSINGS, ZERO_CROSSINGS)
        window = torch.cos(t * math.pi / ZERO_CROSSINGS / 2) ** 2
        t = t * math.pi
        sinc = torch.where(t == 0, torch.ones((), dtype=t.dtype), t.sin() / t)
        return (sinc * (window * (self.cutoff / self.orig))).float()


@functools.lru_cache(maxsize=16)
def resampler(orig_rate: int, new_rate: int) -> SincResampler:
    """The resampler between two rates, made once: its filters are many and never change."""
    with torch.inference_mode(False), float32_default():
        return SincResampler(orig_rate, new_rate)


class ResampleStream:
    """One stream through a :class:`SincResampler`; chunks of any size, equal to offline.

    ``dtype``: what it computes in and gives.
    """

    def __init__(self, resampler: SincResampler, dtype: torch.dtype = torch.float32) -> None:
        self.resampler, self.dtype = resampler, dtype
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sample is the first."""
        self._received = 0
        self._emitted = 0
        self._first_period = 0  # whose first output the taps begin with
        self._taps = torch.zeros(self.resampler.width, dtype=self.dtype)

    def push(self, samples: Tensor) -> Tensor:
        """Samples [N] -> every output sample whose filter support is complete, [M]."""
        resampler = self.resampler
        if resampler.orig == resampler.new:
            return samples.to(self.dtype)
        self._received += samples.shape[-1]
        self._taps = torch.cat([self._taps, samples.cpu().to(self.dtype)])
        complete = self._received - resampler.width  # inputs whose whole future is known
        return self._emit_until(resampler.output_length(max(complete, 0)))

    def flush(self) -> Tensor:
        """The remaining samples, as if silence followed; then the stream starts anew."""
        if self.resampler.orig == self.resampler.new:
            return torch.zeros(0, dtype=self.dtype)
        self._taps = F.pad(self._taps, (0, self.resampler.width))
        out = self._emit_until(self.resampler.output_length(self._received))
        self.reset()
        return out

    def _emit_until(self, end: int) -> Tensor:
        if end <= self._emitted:
            return torch.zeros(0, dtype=self.dtype)
        resampler = self.resampler
        out = resampler.outputs(self._taps, self._first_period, self._emitted, end)
        self._emitted = end
        done = end // resampler.new - self._first_period
        self._taps = self._taps[done * resampler.orig :]
        self._first_period += done
        return out
