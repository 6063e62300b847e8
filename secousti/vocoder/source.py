"""Pulses and noise: what a causal vocoder filters instead of guessing phase.

A pulse train is the sum of all harmonics of the fundamental below a limit; its phase is the
running sum of the frequency, so that it is continued from frame to frame exactly. The phase is
kept as an integer (1 cycle = 2**24 steps): sums of integers do not depend on how a stream was
cut into chunks, and never lose precision however long it lasts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from secousti.devices import wide_dtype
from secousti.streaming.state import State, StreamingModule, tensor

_CYCLE = 1 << 24
_NOISE_FRAMES = 512  # the noise repeats after so many frames (6 s at a hop of 256)


class PulseTrain(StreamingModule):
    """Fundamental frequency in Hz [B, T] -> float32 pulses [B, hop * T], continuous in phase.

    The frequency moves linearly from one frame's value to the next. The level is ``f0 / 512`` a
    harmonic, at which the magnitude mel spectrum (1024 window) is about 1 at any fundamental.
    """

    def __init__(self, sample_rate: int, hop_length: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.hop_length = hop_length

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return {
            "phase": torch.zeros(batch_size, dtype=torch.int64, device=device),
            "f0": torch.zeros(batch_size, dtype=wide_dtype(device), device=device),
        }

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        f0 = x.to(wide_dtype(x.device))
        start = state or self.init_state(f0.shape[0], f0.device)
        before = torch.cat([tensor(start, "f0")[:, None], f0[:, :-1]], dim=1)
        before = torch.where(before > 0, before, f0)  # a stream starts at its first frequency
        within = self._cycles(before, f0)  # [B, T, hop]
        steps = torch.round(within[..., -1] * _CYCLE).to(torch.int64)
        ends = tensor(start, "phase")[:, None] + steps.cumsum(1)
        starts = (ends - steps) % _CYCLE
        cycles = (starts.to(f0.dtype) / _CYCLE)[..., None] + within
        cycles = (cycles - torch.round(cycles)).float()  # around 0, where the pulse is delicate
        pulses = self._pulses(cycles, f0[..., None].float()).flatten(1)
        if state is None:
            return pulses, None
        return pulses, {"phase": ends[:, -1] % _CYCLE, "f0": f0[:, -1]}

    def _cycles(self, before: Tensor, f0: Tensor) -> Tensor:
        """Cycles since the frame's start after each of its samples, [B, T, hop]."""
        n = torch.arange(1, self.hop_length + 1, device=f0.device, dtype=f0.dtype)
        slope = (f0 - before)[..., None] / (2 * self.hop_length)
        return (n * before[..., None] + n * (n + 1) * slope) / self.sample_rate

    def _pulses(self, cycles: Tensor, f0: Tensor) -> Tensor:
        """sum_k cos(2 pi k c), k = 1..K, in closed form (Dirichlet kernel)."""
        count = torch.floor(0.475 * self.sample_rate / f0)
        angle = 2 * math.pi * cycles
        half = torch.sin(angle / 2)
        near = half.abs() < 1e-4
        kernel = torch.sin((count + 0.5) * angle) / (2 * torch.where(near, 1.0, half))
        return (torch.where(near, count + 0.5, kernel) - 0.5) * (f0 / 512)


class NoiseFrames(StreamingModule):
    """Spectra of windowed white noise (variance 1), one a frame, the same for every stream.

    Noise is a function of the position in the stream and ``seed``, so that vocoding is
    deterministic and a stream equals the offline result. The input gives shape only.
    """

    table: Tensor

    def __init__(self, window: Tensor, hop_length: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(_NOISE_FRAMES * hop_length, generator=generator)
        frames = torch.cat([noise, noise[: len(window)]]).unfold(0, len(window), hop_length)
        spectra = torch.fft.rfft(frames[:_NOISE_FRAMES] * window)
        self.register_buffer("table", torch.view_as_real(spectra), persistent=False)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return {"position": torch.zeros(batch_size, dtype=torch.int64, device=device)}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        """[B, T, ...] -> complex [B, T, n_fft // 2 + 1]."""
        start = state or self.init_state(x.shape[0], x.device)
        steps = torch.arange(x.shape[1], device=x.device)
        index = (tensor(start, "position")[:, None] + steps) % _NOISE_FRAMES
        spectra = torch.view_as_complex(self.table.float()[index])
        position = (tensor(start, "position") + x.shape[1]) % _NOISE_FRAMES
        return spectra, None if state is None else {"position": position}
