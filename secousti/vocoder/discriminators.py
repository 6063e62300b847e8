"""Light discriminators: periods of the waveform, and complex spectra at several resolutions.

Kong et al. 2020 (HiFi-GAN) and Zeghidour et al. 2021 (SoundStream's complex STFT), with few
channels and strided early, so that they also train on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

DiscriminatorOutput = tuple[Tensor, list[Tensor]]  # a map of scores, and the features before it


@dataclass(frozen=True)
class DiscriminatorConfig:
    """``periods`` in samples, ``n_ffts`` in samples (hop: a quarter), first ``channels``."""

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    n_ffts: tuple[int, ...] = (2048, 1024, 512)
    channels: int = 16
    max_channels: int = 64
    layers: int = 4


class ConvDiscriminator(nn.Module):
    """Strided 2-D convolutions to a map of scores; the activations are the features.

    Args:
        in_channels: of the map [B, C, T, F]. kernel: over T and F; the longer side is strided.
    """

    def __init__(
        self, in_channels: int, config: DiscriminatorConfig, kernel: tuple[int, int]
    ) -> None:
        super().__init__()
        widths = [min(config.channels << i, config.max_channels) for i in range(config.layers)]
        padding = (kernel[0] // 2, kernel[1] // 2)
        stride = (1 if kernel[0] < kernel[1] else 3, 2 if kernel[1] > 1 else 1)
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(before, after, kernel, stride, padding))
            for before, after in zip([in_channels, *widths], widths, strict=False)
        )
        last = (3, 1) if kernel[1] == 1 else (3, 3)
        self.score = weight_norm(nn.Conv2d(widths[-1], 1, last, 1, (1, last[1] // 2)))

    def forward(self, x: Tensor) -> DiscriminatorOutput:
        features = []
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.1)
            features.append(x)
        return self.score(x), features


class PeriodDiscriminator(nn.Module):
    """Audio [B, 1, T] folded to [B, 1, T / period, period]: every column one phase."""

    def __init__(self, period: int, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.period = period
        self.discriminator = ConvDiscriminator(1, config, (5, 1))

    def forward(self, audio: Tensor) -> DiscriminatorOutput:
        audio = F.pad(audio, (0, -audio.shape[-1] % self.period))
        return self.discriminator(audio.unflatten(-1, (-1, self.period)))


class SpectrumDiscriminator(nn.Module):
    """Audio [B, 1, T] as a complex STFT, real and imaginary part as channels [B, 2, T', F]."""

    window: Tensor

    def __init__(self, n_fft: int, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.discriminator = ConvDiscriminator(2, config, (3, 7))

    def forward(self, audio: Tensor) -> DiscriminatorOutput:
        spectrum = torch.stft(
            audio[:, 0].float(),
            self.n_fft,
            self.n_fft // 4,
            window=self.window,
            normalized=True,
            return_complex=True,
        )
        compressed = spectrum / (spectrum.abs() + 1e-5).sqrt()  # quiet parts are heard too
        return self.discriminator(
            torch.view_as_real(compressed).permute(0, 3, 2, 1).to(audio.dtype)
        )


class Discriminators(nn.Module):
    """All of them: audio [B, 1, T] -> one output (score map, feature list) each."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(
            [PeriodDiscriminator(period, config) for period in config.periods]
            + [SpectrumDiscriminator(n_fft, config) for n_fft in config.n_ffts]
        )

    def forward(self, audio: Tensor) -> list[DiscriminatorOutput]:
        return [discriminator(audio) for discriminator in self.discriminators]
