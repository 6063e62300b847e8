"""Other voices, rooms and microphones from the same features, all in the log-mel domain."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from data_prep.alignment.features import F_MAX, F_MIN, N_MELS

WARPS = tuple(0.82 + 0.04 * step for step in range(11))  # 0.82 ... 1.22


class Augmenter:
    """Warps the frequency axis (vocal tract length) and adds noise and a channel.

    Works on normalised features ``[B, T, N_MELS]``; one draw of everything a row.
    """

    def __init__(self) -> None:
        self.warps = torch.stack([_warp_matrix(factor) for factor in WARPS])

    def __call__(self, features: Tensor, generator: torch.Generator) -> Tensor:
        rows = len(features)
        choice = torch.randint(len(WARPS), (rows,), generator=generator)
        warped = features @ self.warps[choice]
        tilt = torch.linspace(-1, 1, N_MELS) * _uniform(rows, -0.3, 0.3, generator)
        noise = _uniform(rows, -5.5, -1.6, generator)  # 16 to 55 dB of speech-to-noise ratio
        colour = torch.linspace(-1, 1, N_MELS) * _uniform(rows, -0.8, 0.8, generator)
        grain = 0.15 * torch.randn(features.shape, generator=generator)
        noise = noise + colour + grain
        return torch.logaddexp(3 * (warped + tilt), 3 * noise) / 3


def _uniform(rows: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(rows, 1, 1, generator=generator)


def _warp_matrix(factor: float) -> Tensor:
    """``[N_MELS, N_MELS]``: column j takes the band that lies at ``factor`` times its frequency."""
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (F_MIN, F_MAX))
    step = (high - low) / (N_MELS + 1)
    centres = low + step * torch.arange(1, N_MELS + 1, dtype=torch.float64)
    hertz = 700 * (10 ** (centres / 2595) - 1) * factor
    position = (2595 * torch.log10(1 + hertz / 700) - low) / step - 1
    position = position.clamp(0, N_MELS - 1)
    below = position.floor().long().clamp(max=N_MELS - 2)
    share = position - below
    matrix = torch.zeros(N_MELS, N_MELS, dtype=torch.float64)
    columns = torch.arange(N_MELS)
    matrix[below, columns] = 1 - share
    matrix[below + 1, columns] = share
    return matrix.float()
