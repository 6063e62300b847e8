"""Stage 1's losses: distances of spectra and log-mels, hinge adversaries, feature matching."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.audio.mel import slaney_filterbank
from secousti.config import MelConfig
from train.codec.perceptual import IntelligibilityLoss, LoudnessLoss
from train.p2psyn.config import Config


class LogMelDistance(nn.Module):
    """``L1 + MSE`` between log-mels of audio [B, 1, T]; centred frames, magnitude, natural log.

    Args:
        n_fft, hop, window: samples. bands: mel bands from 0 Hz to half the sampling rate.
        floor: magnitudes of mel bands below it count as equal.
    """

    filters: Tensor
    taper: Tensor

    def __init__(
        self,
        sample_rate: int,
        n_fft: int,
        hop: int,
        window: int,
        bands: int,
        floor: float = 1e-5,
    ) -> None:
        super().__init__()
        self.n_fft, self.hop, self.floor = n_fft, hop, floor
        mel = MelConfig(sample_rate, n_fft, hop, bands, 0.0, sample_rate / 2)
        self.register_buffer("filters", slaney_filterbank(mel), persistent=False)
        padding = (n_fft - window) // 2
        taper = F.pad(torch.hann_window(window), (padding, n_fft - window - padding))
        self.register_buffer("taper", taper, persistent=False)

    def log_mel(self, audio: Tensor) -> Tensor:
        """[B, 1, T] -> [B, bands, frames]."""
        return torch.log(torch.clamp(self._mel(audio), min=self.floor))

    def _mel(self, audio: Tensor) -> Tensor:
        stft = torch.stft(
            audio[:, 0].float(), self.n_fft, self.hop, window=self.taper, return_complex=True
        )
        magnitude = torch.sqrt(stft.real.square() + stft.imag.square() + 1e-9)
        mel: Tensor = self.filters @ magnitude
        return mel

    def forward(self, decoded: Tensor, target: Tensor) -> Tensor:
        return distance(self.log_mel(decoded), self.log_mel(target))


def distance(ours: Tensor, wanted: Tensor) -> Tensor:
    """``L1 + MSE`` of two log-mels."""
    difference = ours - wanted
    return difference.abs().mean() + difference.square().mean()


class Distances(nn.Module):
    """What decoded speech is compared by, as a training file weighs it.

    ``mel`` is the log-mel distance without its weight.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.weights = t = config.teacher
        rate = config.codec.sample_rate
        self.mel = LogMelDistance(
            rate, t.mel_fft, t.mel_hop, t.mel_window, t.mel_bands, t.mel_floor
        )
        mel = MelConfig(rate, t.mel_fft, t.mel_hop, t.mel_bands, 0.0, rate / 2)
        self.heard = nn.ModuleDict()
        if t.loudness_weight:
            self.heard["loudness"] = LoudnessLoss(mel)
        if t.intelligibility_weight:
            self.heard["intelligibility"] = IntelligibilityLoss(mel)

    def forward(
        self, spectrum: Tensor, target: Tensor, decoded: Tensor, audio: Tensor
    ) -> dict[str, Tensor]:
        """Weighted losses of coefficients [B, N, F] and of audio [B, 1, T] beside the true."""
        ours, wanted = self.mel.log_mel(decoded), self.mel.log_mel(audio)
        terms = {
            "mdct": self.weights.mdct_weight * (spectrum - target).square().mean(),
            "mel": self.weights.mel_weight * distance(ours, wanted),
        }
        everywhere = torch.ones_like(ours[:, 0], dtype=torch.bool)
        for name, loss in self.heard.items():
            terms[name] = getattr(self.weights, f"{name}_weight") * loss(ours, wanted, everywhere)
        return terms


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Hinge loss of the discriminators' outputs for natural and decoded audio."""
    pairs = zip(real, fake, strict=True)
    losses = [F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in pairs]
    return torch.stack(losses).sum()


def adversarial_loss(fake: Sequence[Tensor]) -> Tensor:
    """Hinge loss of the codec."""
    return torch.stack([F.relu(1 - f).mean() for f in fake]).sum()


def feature_loss(
    real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]], relative: bool = False
) -> Tensor:
    """Mean absolute difference of the discriminators' activations, summed over layers.

    ``relative``: to the mean size of the recorded one's.
    """
    losses = [
        F.l1_loss(f, r.detach()) / (r.detach().abs().mean().clamp(min=1e-4) if relative else 1)
        for rs, fs in zip(real, fake, strict=True)
        for r, f in zip(rs, fs, strict=True)
    ]
    return torch.stack(losses).sum()
