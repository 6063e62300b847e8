"""Recordings laid end to end in the rows of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def rows(
    recordings: Sequence[NDArray[np.int64]], batch: int, frames: int, lags: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of tokens [B, lags + frames] with each token's place in its recording [B, frames].

    Each batch goes on where the one before ended; the order of recordings depends on ``seed``.
    """
    order = np.random.default_rng(seed).permutation(len(recordings))
    tokens = np.concatenate([recordings[i] for i in order])
    place = np.concatenate([np.arange(len(recordings[i])) for i in order])
    length = len(tokens) // batch
    tokens = np.pad(tokens[: batch * length].reshape(batch, length), ((0, 0), (lags, 0)))
    place = place[: batch * length].reshape(batch, length)
    for start in range(0, length - frames + 1, frames):
        yield (
            torch.from_numpy(tokens[:, start : start + lags + frames]),
            torch.from_numpy(place[:, start : start + frames]),
        )
