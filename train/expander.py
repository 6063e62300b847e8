"""A gentle downward expander for what a model is asked to say (not in the paper).

A token of a few bits spends none of them well on the noise of a room. Bands more than ``below`` dB
under the loudest frame are made quieter still: each dB further down becomes ``1 + slope`` dB. The
encoder hears the recording as it is; only the target changes, so nothing is added at inference.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from secousti.audio.mel import slaney_filterbank
from secousti.config import MelConfig

_NATS_PER_DB = math.log(10) / 20


class Expander(nn.Module):
    """Audio [B, N] -> the same with quiet bands quieter; ``slope`` 0 leaves it alone."""

    filters: Tensor
    spread: Tensor
    window: Tensor

    def __init__(self, mel: MelConfig, slope: float, below: float) -> None:
        super().__init__()
        self.n_fft, self.hop = mel.n_fft, mel.hop_length
        self.slope, self.below = slope, below * _NATS_PER_DB
        filters = slaney_filterbank(mel)
        shares = filters / filters.sum(0).clamp(min=1e-12)  # of the bands in each bin
        # A bin above the last band (and the one at 0 Hz) follows its nearest band.
        shares[-1, filters[-1].argmax() + 1 :], shares[0, : filters[0].argmax()] = 1.0, 1.0
        shares = shares / shares.sum(0)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("spread", shares.T.contiguous(), persistent=False)
        self.register_buffer("window", torch.hann_window(mel.n_fft), persistent=False)

    @torch.no_grad()
    def forward(self, audio: Tensor) -> Tensor:
        """float32 [B, N] -> float32 [B, N]; an item is measured against its own loudest frame."""
        if self.slope == 0:
            return audio
        spectrum = torch.stft(
            audio.float(), self.n_fft, self.hop, window=self.window, return_complex=True
        )
        bands = torch.log(self.filters @ spectrum.abs() + 1e-7)  # [B, n_mels, T]
        level = 0.5 * (torch.logsumexp(2 * bands, dim=1) - math.log(bands.shape[1]))
        missing = torch.relu(level.amax(1)[:, None, None] - self.below - bands)
        gain = torch.exp(self.spread @ (-self.slope * missing))
        return torch.istft(
            spectrum * gain, self.n_fft, self.hop, window=self.window, length=audio.shape[-1]
        )
