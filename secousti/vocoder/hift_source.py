"""The source of HiFT: a fundamental read from the mel, its harmonics as sines, and noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.config import HiftConfig
from secousti.devices import wide_dtype
from secousti.streaming.state import State, map_state, tensor
from secousti.vocoder.timed import PartRunner, Timed, TimedConv1d, init_parts

if TYPE_CHECKING:
    from secousti.config import MelConfig

_LAYERS = 5
_NOISE_SAMPLES = 1 << 16  # the noise repeats after so many (3 s)


class F0Predictor(nn.Module):
    """Log-mel [B, n_mels, T] -> fundamental in Hz [B, 1, T], 0 before the start.

    In double precision: the phase is its running sum, and rounding that depends on the size of
    the chunks would let a long stream drift away from the offline result.
    """

    def __init__(self, n_mels: int, channels: int) -> None:
        super().__init__()
        sizes = [n_mels] + [channels] * _LAYERS
        convs = {str(2 * i): TimedConv1d(sizes[i], sizes[i + 1], 3) for i in range(_LAYERS)}
        self.condnet = nn.ModuleDict(convs)
        self.classifier = nn.Linear(channels, 1)
        self.lag = sum(conv.lag for conv in convs.values())

    def init_state(self, batch_size: int, device: torch.device | None = None) -> State:
        state = init_parts(dict(self.condnet.items()), batch_size, device)
        return map_state(lambda t: t.to(wide_dtype(t.device)), state)

    def forward(self, x: Timed, state: State | None) -> tuple[Timed, State | None]:
        run = PartRunner(dict(self.condnet.items()), state)
        x = x.map(lambda values: values.to(wide_dtype(values.device)))
        for name in self.condnet:
            x = run(name, x).map(F.elu)  # elu(0) = 0: what is silent before time 0 stays so
        return x.map(self._frequency).silenced(), run.new_state()

    def _frequency(self, x: Tensor) -> Tensor:
        weight, bias = (p.to(x.dtype) for p in (self.classifier.weight, self.classifier.bias))
        return F.linear(x.mT, weight, bias).abs().mT


class SineSource(nn.Module):
    """Fundamental [B, 1, T] -> excitation [B, 1, hop * T]: tanh of a mix of sines and noise.

    Buffers ``phases`` [harmonics + 1] (radians; 0 for the fundamental) and ``noise``
    [harmonics + 1, samples] follow from the seed and are no part of the weights.
    """

    phases: Tensor
    noise: Tensor
    lag = 0

    def __init__(self, config: HiftConfig, mel: MelConfig) -> None:
        super().__init__()
        self.config = config
        self.sample_rate, self.hop_length = mel.sample_rate, mel.hop_length
        self.l_linear = nn.Linear(config.harmonics + 1, 1)
        generator = torch.Generator().manual_seed(config.seed)
        phases = (torch.rand(config.harmonics + 1, generator=generator) * 2 - 1) * math.pi
        phases[0] = 0
        noise = torch.randn(config.harmonics + 1, _NOISE_SAMPLES, generator=generator)
        self.register_buffer("phases", phases, persistent=False)
        self.register_buffer("noise", noise, persistent=False)

    def init_state(self, batch_size: int, device: torch.device | None = None) -> State:
        return {"cycles": torch.zeros(batch_size, dtype=wide_dtype(device), device=device)}

    def forward(self, x: Timed, state: State | None) -> tuple[Timed, State | None]:
        f0 = x.values[:, 0]  # [B, T], double
        before = tensor(state, "cycles") if state is not None else f0.new_zeros(f0.shape[0])
        cycles, after = self._cycles(f0, before)
        start = None if x.start is None else x.start * self.hop_length
        voiced = (f0 > self.config.voiced_threshold).repeat_interleave(self.hop_length, dim=-1)
        times = Timed(cycles[:, None], start).times()
        source = self.mix(self.sines(cycles, voiced) + self.breath(times, voiced))
        return Timed(source, start), None if state is None else {"cycles": after}

    def sines(self, cycles: Tensor, voiced: Tensor) -> Tensor:
        """Harmonics of the fundamental at ``cycles`` [B, N], float32 [B, harmonics + 1, N]."""
        numbers = torch.arange(1, self.config.harmonics + 2, device=cycles.device)
        turns = (cycles[:, None] * numbers[:, None]).remainder(1.0).float()
        waves = torch.sin(2 * math.pi * turns + self.phases.float()[:, None])
        return self.config.sine_amplitude * waves * voiced[:, None]

    def breath(self, times: Tensor, voiced: Tensor) -> Tensor:
        """Noise, weak beside voice, of the samples at ``times`` [B, N]."""
        noise = self.noise.float()[:, times % _NOISE_SAMPLES].movedim(0, 1)
        level = torch.where(voiced, self.config.noise_std, self.config.sine_amplitude / 3)
        return noise * level[:, None]

    def mix(self, waves: Tensor) -> Tensor:
        """[B, harmonics + 1, N] -> [B, 1, N]."""
        return torch.tanh(self.l_linear(waves.to(self.l_linear.weight.dtype).mT)).mT

    def _cycles(self, f0: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Cycles of the fundamental at the end of every sample [B, hop * T], and after them."""
        ends = before[:, None] + (f0 * (self.hop_length / self.sample_rate)).cumsum(-1)
        starts = torch.cat([before[:, None], ends[:, :-1]], dim=1)
        steps = torch.arange(1, self.hop_length + 1, device=f0.device, dtype=f0.dtype)
        within = f0[..., None] * (steps / self.sample_rate)
        return (starts[..., None] + within).flatten(1), ends[:, -1].remainder(1.0)
