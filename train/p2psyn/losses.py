"""Stage 1's losses: log-mel distance, hinge adversaries, feature matching."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.audio.mel import slaney_filterbank
from secousti.config import MelConfig
from train.p2psyn.config import Config


class LogMelDistance(nn.Module):
    """``L1 + MSE`` between log-mels of audio [B, 1, T]; centred frames, magnitude, natural log.

    Args:
        n_fft, hop, window: samples. bands: mel bands from 0 Hz to half the sampling rate.
    """

    filters: Tensor
    taper: Tensor

    def __init__(self, sample_rate: int, n_fft: int, hop: int, window: int, bands: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        mel = MelConfig(sample_rate, n_fft, hop, bands, 0.0, sample_rate / 2)
        self.register_buffer("filters", slaney_filterbank(mel), persistent=False)
        padding = (n_fft - window) // 2
        taper = F.pad(torch.hann_window(window), (padding, n_fft - window - padding))
        self.register_buffer("taper", taper, persistent=False)

    def log_mel(self, audio: Tensor) -> Tensor:
        """[B, 1, T] -> [B, bands, frames]."""
        stft = torch.stft(
            audio[:, 0].float(), self.n_fft, self.hop, window=self.taper, return_complex=True
        )
        magnitude = torch.sqrt(stft.real.square() + stft.imag.square() + 1e-9)
        return torch.log(torch.clamp(self.filters @ magnitude, min=1e-5))

    def forward(self, decoded: Tensor, target: Tensor) -> Tensor:
        difference = self.log_mel(decoded) - self.log_mel(target)
        return difference.abs().mean() + difference.square().mean()


def mel_distance(config: Config) -> LogMelDistance:
    """The log-mel distance that a training file asks for."""
    t = config.teacher
    return LogMelDistance(config.codec.sample_rate, t.mel_fft, t.mel_hop, t.mel_window, t.mel_bands)


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Hinge loss of the discriminators' outputs for natural and decoded audio."""
    pairs = zip(real, fake, strict=True)
    losses = [F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in pairs]
    return torch.stack(losses).sum()


def adversarial_loss(fake: Sequence[Tensor]) -> Tensor:
    """Hinge loss of the codec."""
    return torch.stack([F.relu(1 - f).mean() for f in fake]).sum()


def feature_loss(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """Mean absolute difference of the discriminators' activations, summed over layers."""
    losses = [
        F.l1_loss(f, r.detach())
        for rs, fs in zip(real, fake, strict=True)
        for r, f in zip(rs, fs, strict=True)
    ]
    return torch.stack(losses).sum()
