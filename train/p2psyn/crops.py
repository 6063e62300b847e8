"""Stage 1's batches: crops of speech at random levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from train.data.crops import Crops, Drawer
from train.data.packed import Corpus


class CropBatches(Dataset[Crops]):
    """Micro-batch ``position`` of process ``rank``: audio float32 [B, segment].

    Args:
        level_db: see ``DataConfig``.
    """

    def __init__(
        self,
        corpus: Corpus,
        batch_size: int,
        segment: int,
        seed: int,
        level_db: Sequence[float] | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.corpus, self.segment, self.level_db = corpus, segment, level_db
        lengths = [row.length for row in corpus.rows]
        self.drawer = Drawer(lengths, batch_size, seed, rank, world_size)

    def __getitem__(self, position: int) -> Crops:
        drawn = self.drawer.mine(position)
        rows = [self._crop(row, np.random.default_rng(key)) for row, key in drawn]
        names = [self.corpus.rows[row].audio for row, _ in drawn]
        return Crops(torch.from_numpy(np.stack(rows)), names)

    def _crop(self, index: int, rng: np.random.Generator) -> np.ndarray:
        spare = max(self.corpus.rows[index].length - self.segment, 0)
        crop = self.corpus.crop(index, int(rng.integers(spare + 1)), self.segment)
        if self.level_db is None:
            return crop
        return at_level(crop, float(rng.uniform(self.level_db[0], self.level_db[1])))


def at_level(audio: np.ndarray, level_db: float) -> np.ndarray:
    """``audio`` at an RMS of ``level_db`` (full scale is 0), never clipped, never a pure noise.

    Crops more than 40 dB below the target (pauses) are raised by 40 dB only.
    """
    rms = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
    gain = min(10 ** (level_db / 20) / max(rms, 1e-9), 100.0)
    peak = float(np.abs(audio).max()) * gain
    return (audio * (gain / max(peak, 1.0))).astype(np.float32)
