"""Stage 1's batches: crops of speech, a pure function of (seed, step, process)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from train.packed import PackedAudio


class CropBatches(Dataset[Tensor]):
    """Item ``step`` is audio float32 [B, 1, segment]; utterances are drawn by duration.

    Arguments:
        level_db: see ``DataConfig``. rank: of this process.
    """

    def __init__(
        self,
        corpus: PackedAudio,
        batch_size: int,
        segment: int,
        seed: int,
        level_db: Sequence[float] | None = None,
        rank: int = 0,
    ) -> None:
        self.corpus, self.batch_size, self.segment = corpus, batch_size, segment
        self.seed, self.level_db, self.rank = seed, level_db, rank
        lengths = np.array([row.length for row in corpus.rows], dtype=np.float64)
        self.cumulative = np.cumsum(lengths) / lengths.sum()

    def __getitem__(self, step: int) -> Tensor:
        rng = np.random.default_rng([self.seed, step, self.rank])
        drawn = np.searchsorted(self.cumulative, rng.random(self.batch_size))
        rows = [self._crop(min(int(i), len(self.corpus) - 1), rng) for i in drawn]
        return torch.from_numpy(np.stack(rows))[:, None]

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
