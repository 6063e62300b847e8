"""Random crops of a packed corpus, a pure function of seed, step and process.

A resumed run therefore continues with exactly the data it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from secousti.config import MelConfig
from train.augment import Take, read_at_speed
from train.packed import PackedAudio
from train.vocoder.pitch import SPAN


@dataclass(frozen=True)
class CropLayout:
    """Where things lie in a crop: ``warm`` frames of the past, then ``frames`` that are spoken.

    The vocoder receives ``lead`` earlier frames, whose output is not judged (it lacks the sound
    before them), and ``lookahead`` later ones; the last ``2 * SPAN`` samples only help to
    estimate pitch. ``warm`` covers the lead and its spectra, or a codec's memory.
    """

    mel: MelConfig
    frames: int
    lookahead: int
    warm: int

    @property
    def lead(self) -> int:
        """Frames that a spectrum overlaps."""
        return -(-self.mel.n_fft // self.mel.hop_length)

    @property
    def context(self) -> int:
        """Samples before the hop of the first frame."""
        return self.warm * self.mel.hop_length

    @property
    def heard_frames(self) -> int:
        return self.lead + self.frames + self.lookahead

    @property
    def total(self) -> int:
        return self.context + self.mel.hop_length * (self.frames + self.lookahead) + 2 * SPAN

    def heard(self, mel: Tensor) -> Tensor:
        """Of the mel frames [B, n_mels, T] of a whole crop those that the vocoder receives."""
        first = self.warm - self.lead
        return mel[..., first : first + self.heard_frames]

    def judged(self, output: Tensor) -> Tensor:
        """Of the vocoder's aligned audio [B, N] the samples that ``spoken`` are the truth of."""
        return output[:, self.lead * self.mel.hop_length :]

    def spoken(self, crops: Tensor) -> Tensor:
        """The samples [B, hop * frames] that the vocoder should have said."""
        return crops[:, self.context : self.context + self.mel.hop_length * self.frames]

    def pitch_starts(self, sample: int) -> range:
        """Starts of the pitch spans centred on aligned sample ``sample + hop * t`` of step t."""
        hop = self.mel.hop_length
        first = self.context - self.lead * hop + sample - SPAN // 2
        return range(first, first + hop * self.heard_frames, hop)


def draw_crops(
    audio: PackedAudio,
    size: int,
    length: int,
    gain_db: float,
    seed: tuple[int, ...],
    speed: Sequence[float] = (1.0, 1.0),
) -> Tensor:
    """float32 [size, length]: moments drawn uniformly over the whole corpus, at random levels.

    The gain is uniform in +-``gain_db``, less where the crop would clip; the factor by which a
    crop is played faster is uniform between the two of ``speed``.
    """
    rng = np.random.default_rng(seed)
    factors = np.random.default_rng([*seed, 1]).uniform(speed[0], speed[1], size)
    lengths = np.array([row.length for row in audio.rows], dtype=np.float64)
    rows = rng.choice(len(lengths), size=size, p=lengths / lengths.sum())
    crops = []
    for row, factor in zip(rows, factors.tolist(), strict=True):
        whole = Take(factor).length(audio.rows[row].length)
        start = int(rng.integers(0, max(whole - length, 0) + 1))
        crop = read_at_speed(audio, int(row), start, length, factor)
        gain = 10 ** (rng.uniform(-gain_db, gain_db) / 20)
        crops.append(crop * min(gain, 1 / max(float(np.abs(crop).max()), 1e-6)))
    return torch.from_numpy(np.stack(crops).astype(np.float32))
