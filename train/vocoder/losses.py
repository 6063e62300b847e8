"""What a vocoder is trained on: spectra at many resolutions, and what discriminators notice."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.vocoder.discriminators import DiscriminatorOutput
from secousti.vocoder.pitch import pitch_octaves

AdversarialKind = Literal["hinge", "least_squares"]
_PITCH_WIDTH = 0.04  # octaves: standard deviation of a target over neighbouring bins


class SpectralLoss(nn.Module):
    """Log-magnitude L1 plus spectral convergence, averaged over STFT resolutions.

    (Yamamoto et al. 2020; hop: a quarter of the window.) Magnitudes below ``floor`` of a full
    scale sine's count as equal: silence carries no lesson.
    """

    def __init__(self, n_ffts: tuple[int, ...], floor: float = 1e-5) -> None:
        super().__init__()
        self.n_ffts = n_ffts
        self.floor = floor

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Audio [B, T], twice -> scalar."""
        terms = [self._one(output, target, n_fft) for n_fft in self.n_ffts]
        return torch.stack(terms).mean()

    def _one(self, output: Tensor, target: Tensor, n_fft: int) -> Tensor:
        ours, wanted = (self._magnitude(x, n_fft) for x in (output, target))
        difference = torch.linalg.vector_norm(ours - wanted, dim=(1, 2))
        size = torch.linalg.vector_norm(wanted, dim=(1, 2)).clamp(min=1e-3)
        return F.l1_loss(ours.log(), wanted.log()) + (difference / size).mean()

    def _magnitude(self, audio: Tensor, n_fft: int) -> Tensor:
        window = torch.hann_window(n_fft, device=audio.device)
        spectrum = torch.stft(audio, n_fft, n_fft // 4, window=window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return power.clamp(min=(self.floor * n_fft / 4) ** 2).sqrt()


def pitch_loss(scores: Tensor, target: Tensor, voiced: Tensor) -> Tensor:
    """Cross-entropy to bins around the target, plus the error of the mean in octaves.

    Args:
        scores: [B, T, bins]. target: log2 of Hz [B, T]. voiced: bool [B, T]; others do not count.
    """
    scores = scores.float()
    octaves = pitch_octaves(scores)
    log_chances = scores.log_softmax(-1)
    near = torch.softmax(-0.5 * ((octaves - target[..., None]) / _PITCH_WIDTH).square(), dim=-1)
    error = (log_chances.exp() @ octaves - target).abs()
    loss = (error - (near * log_chances).sum(-1)) * voiced
    return loss.sum() / voiced.sum().clamp(min=1)


def discriminator_loss(
    real: list[DiscriminatorOutput], fake: list[DiscriminatorOutput], kind: AdversarialKind
) -> Tensor:
    """How well real (towards 1) and fake (towards -1 or 0) are told apart, mean of all."""
    terms = []
    for (real_score, _), (fake_score, _) in zip(real, fake, strict=True):
        if kind == "hinge":
            terms.append(F.relu(1 - real_score).mean() + F.relu(1 + fake_score).mean())
        else:
            terms.append((1 - real_score).square().mean() + fake_score.square().mean())
    return torch.stack(terms).mean()


def generator_loss(fake: list[DiscriminatorOutput], kind: AdversarialKind) -> Tensor:
    """How far the discriminators are from taking the output for real, mean over discriminators."""
    if kind == "hinge":
        terms = [-score.mean() for score, _ in fake]
    else:
        terms = [(1 - score).square().mean() for score, _ in fake]
    return torch.stack(terms).mean()


def feature_loss(real: list[DiscriminatorOutput], fake: list[DiscriminatorOutput]) -> Tensor:
    """L1 between features, relative to the size of the real ones, mean over discriminators."""
    terms = [
        F.l1_loss(ours, wanted.detach()) / wanted.detach().abs().mean().clamp(min=1e-4)
        for (_, real_features), (_, fake_features) in zip(real, fake, strict=True)
        for wanted, ours in zip(real_features, fake_features, strict=True)
    ]
    return torch.stack(terms).mean()
