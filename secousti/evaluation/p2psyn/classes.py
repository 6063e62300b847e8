"""What each token covers: voiced or unvoiced speech, silence, and the onsets after silence."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

CLASSES = ("all", "voiced", "unvoiced", "silence", "onset")
SILENCE_DB = -35.0  # below the recording's 95th percentile of energy
VOICED = 0.5  # normalised autocorrelation at the pitch lag
_LOW_HZ, _HIGH_HZ = 70.0, 400.0


def classify(
    audio: Tensor, sample_rate: int, frame_size: int, tokens: int
) -> dict[str, np.ndarray]:
    """Bool [tokens] for each of ``CLASSES``; ``onset`` is the first token after silence.

    Audio [N] is judged in a window of 40 ms around each token: silence by its level, voicing by
    the highest normalised autocorrelation at lags of 70 to 400 Hz.
    """
    window = int(0.04 * sample_rate)
    blocks = _windows(audio.double(), frame_size, window, tokens)
    energy = blocks.square().mean(-1)
    loudest = torch.quantile(energy, 0.95).clamp(min=1e-10)
    silent = 10 * torch.log10(energy.clamp(min=1e-12) / loudest) < SILENCE_DB
    voiced = (_periodicity(blocks, sample_rate) > VOICED) & ~silent
    before = torch.cat([torch.ones(1, dtype=torch.bool), silent[:-1]])
    found = {
        "all": torch.ones(tokens, dtype=torch.bool),
        "voiced": voiced,
        "unvoiced": ~voiced & ~silent,
        "silence": silent,
        "onset": before & ~silent,
    }
    return {name: mask.numpy() for name, mask in found.items()}


def _windows(audio: Tensor, frame_size: int, window: int, tokens: int) -> Tensor:
    """[tokens, window], zeros outside the recording."""
    margin = max(0, (window - frame_size) // 2)
    total = frame_size * (tokens - 1) + window
    padded = torch.nn.functional.pad(audio, (margin, max(0, total - margin - len(audio))))
    return padded[:total].unfold(0, window, frame_size)


def _periodicity(blocks: Tensor, sample_rate: int) -> Tensor:
    """Highest normalised autocorrelation of each block at a pitch lag, [tokens]."""
    blocks = blocks - blocks.mean(-1, keepdim=True)
    best = torch.zeros(len(blocks), dtype=blocks.dtype)
    for lag in range(int(sample_rate / _HIGH_HZ), int(sample_rate / _LOW_HZ) + 1):
        if lag >= blocks.shape[-1] // 2 + blocks.shape[-1] // 4:
            break
        a, b = blocks[:, :-lag], blocks[:, lag:]
        norm = (a.square().sum(-1) * b.square().sum(-1)).sqrt().clamp(min=1e-12)
        best = torch.maximum(best, (a * b).sum(-1) / norm)
    return best
