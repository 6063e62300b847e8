"""Windowed-sinc resampling, whole or as a stream.

The resampler is part of the codec: tokens depend on it. So there is one, the Hann-windowed sinc
of the release (torchaudio's default: 6 zero crossings, roll-off 0.99), written so that a stream
gives the offline samples and waits only for the zero crossings ahead.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

ZERO_CROSSINGS = 6
ROLLOFF = 0.99
_BLOCK = 1 << 16  # output samples at once, to bound memory


class SincResampler:
    """Resample float32 audio [..., N] from ``orig_rate`` to ``new_rate`` Hz.

    Output sample n is centred on input ``n * orig / new``; there are
    ``ceil(N * new_rate / orig_rate)`` of them.
    """

    def __init__(self, orig_rate: int, new_rate: int) -> None:
        common = math.gcd(orig_rate, new_rate)
        self.orig, self.new = orig_rate // common, new_rate // common
        cutoff = min(self.orig, self.new) * ROLLOFF
        self.width = math.ceil(ZERO_CROSSINGS * self.orig / cutoff)  # input samples each side
        self.table = _tap_table(self.orig, self.new, self.width, cutoff)

    def __call__(self, wav: Tensor) -> Tensor:
        if self.orig == self.new:
            return wav
        padded = F.pad(wav, (self.width - 1, self.width))
        return self.outputs(padded, 0, 0, self.output_length(wav.shape[-1]))

    def output_length(self, num_samples: int) -> int:
        """Samples after resampling ``num_samples`` samples."""
        return -(-num_samples * self.new // self.orig)

    def outputs(self, taps: Tensor, first_input: int, start: int, end: int) -> Tensor:
        """Output samples ``start`` to ``end``.

        ``taps`` [..., N] are input samples, the first of which is the leftmost tap of the output
        centred on input ``first_input``.
        """
        windows = taps.unfold(-1, 2 * self.width, 1)
        blocks = []
        for block in range(start, max(end, start + 1), _BLOCK):
            n = torch.arange(block, min(block + _BLOCK, end), device=taps.device)
            rows = n * self.orig // self.new - first_input
            table = self.table.to(taps.device)[n % self.new]
            blocks.append((windows.index_select(-2, rows) * table).sum(-1))
        return torch.cat(blocks, dim=-1)


def _tap_table(orig: int, new: int, width: int, cutoff: float) -> Tensor:
    """The filter of each of the ``new`` phases, float32 [new, 2 * width]."""
    phase = torch.arange(new, dtype=torch.int64)[:, None]
    centre = phase * orig // new
    inputs = centre + torch.arange(1 - width, width + 1)
    distance = inputs.double() / orig - phase.double() / new
    t = (distance * cutoff).clamp(-ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = torch.cos(t * math.pi / ZERO_CROSSINGS / 2) ** 2
    return (torch.sinc(t) * window * (cutoff / orig)).float()


class ResampleStream:
    """One stream through a :class:`SincResampler`; chunks of any size, equal to offline."""

    def __init__(self, resampler: SincResampler) -> None:
        self.resampler = resampler
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sample is the first."""
        self._received = 0
        self._emitted = 0
        self._first_input = 0
        self._taps = torch.zeros(self.resampler.width - 1)

    def push(self, samples: Tensor) -> Tensor:
        """Samples [N] -> every output sample whose filter support is complete, [M]."""
        resampler = self.resampler
        if resampler.orig == resampler.new:
            return samples
        self._received += samples.shape[-1]
        self._taps = torch.cat([self._taps, samples.cpu().float()])
        complete = self._received - resampler.width  # inputs whose whole future is known
        return self._emit_until(resampler.output_length(max(complete, 0)))

    def flush(self) -> Tensor:
        """The remaining samples, as if silence followed; then the stream starts anew."""
        if self.resampler.orig == self.resampler.new:
            return torch.zeros(0)
        self._taps = F.pad(self._taps, (0, self.resampler.width))
        out = self._emit_until(self.resampler.output_length(self._received))
        self.reset()
        return out

    def _emit_until(self, end: int) -> Tensor:
        if end <= self._emitted:
            return torch.zeros(0)
        resampler = self.resampler
        out = resampler.outputs(self._taps, self._first_input, self._emitted, end)
        self._emitted = end
        next_input = end * resampler.orig // resampler.new
        self._taps = self._taps[next_input - self._first_input :]
        self._first_input = next_input
        return out
