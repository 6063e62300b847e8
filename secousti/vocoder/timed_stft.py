"""Short spectra at the ends of HiFT, centered as ``torch.stft`` does, with a clock."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.streaming.state import State, tensor
from secousti.vocoder.timed import Timed


def mirror_start(x: Timed) -> Tensor:
    """The values [B, C, N] with those before time 0 mirrored around it, as far as known."""
    assert x.start is not None
    count = x.values.shape[-1]
    index = (x.times().abs() - x.start[:, None]).clamp(0, max(count - 1, 0))
    return x.values.gather(-1, index[:, None].expand_as(x.values))


class MirrorShift(nn.Module):
    """One step later, with x[1] in front (``ReflectionPad1d((1, 0))``); offline one step longer."""

    lag = 1

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def init_state(self, batch_size: int, device: torch.device | None = None) -> State:
        return {"past": torch.zeros(batch_size, self.channels, 2, device=device)}

    def forward(self, x: Timed, state: State | None) -> tuple[Timed, State | None]:
        if state is None or x.start is None:
            return x.map(lambda values: F.pad(values, (1, 0), mode="reflect")), None
        count = x.values.shape[-1]
        values = torch.cat([tensor(state, "past"), x.values], dim=-1)
        mirrored = mirror_start(Timed(values, x.start - 2))[..., :count]
        return Timed(mirrored, x.start - 1).silenced(), {"past": values[..., count:]}


class TimedStft(nn.Module):
    """Audio [B, 1, N] -> real and imaginary parts [B, n_fft + 2, N / hop (+ 1 offline)]."""

    window: Tensor

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        # Half a window, and one hop more: the mirror of the first half needs one sample more.
        self.lag = n_fft // 2 // hop
        self.memory = self.lag * hop + n_fft // 2
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def init_state(self, batch_size: int, device: torch.device | None = None) -> State:
        return {"past": torch.zeros(batch_size, 1, self.memory, device=device)}

    def forward(self, x: Timed, state: State | None) -> tuple[Timed, State | None]:
        half = self.n_fft // 2
        if state is None or x.start is None:
            return x.map(lambda v: self._spectra(F.pad(v, (half, half), mode="reflect"))), None
        count = x.values.shape[-1]
        values = torch.cat([tensor(state, "past"), x.values], dim=-1)
        buffer = mirror_start(Timed(values, x.start - self.memory))
        spectra = self._spectra(buffer)[..., : count // self.hop]
        out = Timed(spectra, x.start // self.hop - self.lag)
        return out.silenced(), {"past": values[..., count:]}

    def _spectra(self, x: Tensor) -> Tensor:
        frames = x[:, 0].unfold(-1, self.n_fft, self.hop) * self.window.to(x.dtype)
        spectra = torch.fft.rfft(frames)
        return torch.cat([spectra.real, spectra.imag], dim=-1).mT


class TimedIstft(nn.Module):
    """Log magnitude and phase [B, n_fft + 2, M] -> audio [B, 1, hop * M (- hop offline)].

    Magnitudes are limited to 100 and phases are sines of the input (release, section 10).
    """

    window: Tensor

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.lag = n_fft // 2
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def init_state(self, batch_size: int, device: torch.device | None = None) -> State:
        shape = (batch_size, self.n_fft - self.hop)
        return {
            "tail": torch.zeros(shape, device=device),
            "weight": torch.zeros(shape, device=device),
        }

    def forward(self, x: Timed, state: State | None) -> tuple[Timed, State | None]:
        log_magnitude, phase = x.values.chunk(2, dim=1)
        return self.overlap_add(x, self.spectra(log_magnitude.exp(), torch.sin(phase)), state)

    def spectra(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """[B, n_fft / 2 + 1, M], twice -> complex, magnitudes limited to 100."""
        return torch.polar(magnitude.clamp(max=100.0), phase)

    def overlap_add(
        self, x: Timed, spectra: Tensor, state: State | None
    ) -> tuple[Timed, State | None]:
        """The audio of ``spectra``, which run at the times of ``x``."""
        window = self.window.to(x.values.dtype)
        frames = torch.fft.irfft(spectra.mT, n=self.n_fft) * window  # [B, M, n_fft]
        valid = (x.times() >= 0).to(frames.dtype)[..., None]
        audio = self._overlap(frames * valid)
        weight = self._overlap((window.square() * valid).expand_as(frames))
        done = self.hop * x.values.shape[-1]
        if state is None or x.start is None:
            end = self.lag + done - self.hop
            audio = audio[:, self.lag : end] / weight[:, self.lag : end]
            return Timed(audio[:, None]), None
        audio = audio + F.pad(tensor(state, "tail"), (0, done))
        weight = weight + F.pad(tensor(state, "weight"), (0, done))
        start = self.hop * x.start - self.lag
        ready = audio[:, :done] / torch.where(weight > 1e-8, weight, 1.0)[:, :done]
        out = Timed(ready[:, None], start).silenced()
        return out, {"tail": audio[:, done:], "weight": weight[:, done:]}

    def _overlap(self, frames: Tensor) -> Tensor:
        """[B, M, n_fft] -> the sum at hops, [B, hop * (M - 1) + n_fft]."""
        total = self.hop * (frames.shape[1] - 1) + self.n_fft
        out = F.fold(frames.mT, (1, total), (1, self.n_fft), stride=(1, self.hop))
        return out[:, 0, 0]
