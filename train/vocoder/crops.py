"""What a vocoder is trained on: crops of a packed corpus, and where things lie in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from secousti.config import MelConfig
from train.data.augment import Take, read_at_speed
from train.data.crops import Crops, Drawer
from train.data.packed import Corpus
from train.vocoder.pitch import SPAN


@dataclass(frozen=True)
class CropLayout:
    """Where things lie in a crop: ``warm`` frames of the past, then ``frames`` that are spoken.

    The vocoder receives ``lead`` earlier frames, whose output is not scored (it lacks the sound
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
    def received_frames(self) -> int:
        return self.lead + self.frames + self.lookahead

    @property
    def total(self) -> int:
        return self.context + self.mel.hop_length * (self.frames + self.lookahead) + 2 * SPAN

    def received(self, mel: Tensor) -> Tensor:
        """Of the mel frames [B, n_mels, T] of a whole crop those that the vocoder receives."""
        first = self.warm - self.lead
        return mel[..., first : first + self.received_frames]

    def scored(self, output: Tensor) -> Tensor:
        """Of the vocoder's aligned audio [B, N] the samples that ``spoken`` are the truth of."""
        return output[:, self.lead * self.mel.hop_length :]

    def spoken(self, crops: Tensor) -> Tensor:
        """The samples [B, hop * frames] that the vocoder should have said."""
        return crops[:, self.context : self.context + self.mel.hop_length * self.frames]

    def pitch_starts(self, sample: int) -> range:
        """Starts of the pitch spans centred on aligned sample ``sample + hop * t`` of step t."""
        hop = self.mel.hop_length
        first = self.context - self.lead * hop + sample - SPAN // 2
        return range(first, first + hop * self.received_frames, hop)


class VocoderCrops(Dataset[Crops]):
    """Micro-batch ``position`` of process ``rank``: float32 [batch_size, length] of speech.

    The gain is uniform in +-``gain_db``, less where the crop would clip; the factor by which a
    crop is played faster is uniform between the two of ``speed``.
    """

    def __init__(
        self,
        audio: Corpus,
        batch_size: int,
        length: int,
        gain_db: float,
        seed: int,
        speed: Sequence[float] = (1.0, 1.0),
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.audio, self.length, self.gain_db, self.speed = audio, length, gain_db, speed
        lengths = [row.length for row in audio.rows]
        self.drawer = Drawer(lengths, batch_size, seed, rank, world_size)

    def __getitem__(self, position: int) -> Crops:
        drawn = self.drawer.mine(position)
        crops = [self._crop(row, np.random.default_rng(key)) for row, key in drawn]
        names = [self.audio.rows[row].audio for row, _ in drawn]
        return Crops(torch.from_numpy(np.stack(crops).astype(np.float32)), names)

    def _crop(self, row: int, rng: np.random.Generator) -> np.ndarray:
        factor = float(rng.uniform(self.speed[0], self.speed[1]))
        whole = Take(factor).length(self.audio.rows[row].length)
        start = int(rng.integers(0, max(whole - self.length, 0) + 1))
        crop = read_at_speed(self.audio, row, start, self.length, factor)
        gain = 10 ** (rng.uniform(-self.gain_db, self.gain_db) / 20)
        return crop * min(gain, 1 / max(float(np.abs(crop).max()), 1e-6))
