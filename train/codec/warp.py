"""Another voice for the encoder's ears alone (not in the paper).

The mel that the encoder is given is stretched along the frequency axis, pitch and formants together
(vocal tract length perturbation, Jaitly and Hinton 2013), while the decoder still aims at the
recording and the paralinguistic vector still comes from it (information perturbation, Choi et al.
2021). The tokens of such an item lie about the voice; only the vector tells it. That is what makes
a decoder follow the vector, and conversion change the voice.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from secousti.audio.mel import slaney_filterbank
from secousti.config import MelConfig


class VoiceWarp(nn.Module):
    """Stretches log-mels; factors are drawn from PyTorch's random numbers, which a step seeds."""

    centres: Tensor

    def __init__(self, mel: MelConfig, share: float, bounds: tuple[float, ...]) -> None:
        super().__init__()
        frequencies = torch.linspace(0, mel.sample_rate / 2, mel.n_fft // 2 + 1, device="cpu")
        filters = slaney_filterbank(mel)
        self.register_buffer("centres", filters @ frequencies / filters.sum(1), persistent=False)
        self.share, self.bounds = share, bounds

    def draw(self, items: int) -> tuple[Tensor, Tensor]:
        """Factors float32 [items], 1 for those left alone, and bool [items]: whether warped."""
        low, high = (math.log(bound) for bound in self.bounds)
        warped = torch.rand(items) < self.share
        factors = torch.exp(low + (high - low) * torch.rand(items))
        device = self.centres.device
        return torch.where(warped, factors, 1.0).to(device), warped.to(device)

    def forward(self, mel: Tensor, factors: Tensor) -> Tensor:
        """[B, n_mels, T] -> the same with every frequency multiplied by its item's factor."""
        with torch.autocast(mel.device.type, enabled=False):  # bfloat16 would roughen the mel
            return torch.bmm(self._matrices(factors).to(mel.dtype), mel)

    def _matrices(self, factors: Tensor) -> Tensor:
        """Linear interpolation between bands, [B, n_mels, n_mels]; ends are held."""
        centres = self.centres.cpu().double().numpy()
        bands = np.arange(len(centres))
        rows = []
        for factor in factors.tolist():
            source = np.interp(centres / factor, centres, bands)  # fractional band that lands there
            rows.append(np.clip(1 - np.abs(source[:, None] - bands[None]), 0, None))
        return torch.from_numpy(np.stack(rows)).float().to(factors.device)
