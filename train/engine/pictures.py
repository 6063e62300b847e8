"""Spectrograms as pixels, without a plotting library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_ANCHORS = np.array(  # dark violet, violet, red, orange, pale yellow
    [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]], np.float32
)
_FLOOR, _CEILING = -11.5, 2.0  # nats, the range of log-mels


def mel_picture(mels: Sequence[np.ndarray], zoom: int = 2) -> np.ndarray:
    """Log-mels float32 [n_mels, T] one under the other, low bands below: uint8 [H, W, 3]."""
    panels = []
    for mel in mels:
        level = np.clip((mel[::-1] - _FLOOR) / (_CEILING - _FLOOR), 0, 1) * (len(_ANCHORS) - 1)
        low = np.minimum(level.astype(int), len(_ANCHORS) - 2)
        share = (level - low)[..., None]
        pixels = _ANCHORS[low] * (1 - share) + _ANCHORS[low + 1] * share
        panels.append(pixels.repeat(zoom, 0).repeat(zoom, 1))
        panels.append(np.full((zoom, panels[-1].shape[1], 3), 255, np.float32))
    return np.concatenate(panels[:-1]).astype(np.uint8)
