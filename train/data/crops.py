"""The one drawer of crops: what a step reads is a function of (seed, position) alone.

Position n of a run is one micro-batch over all processes, each of which takes its share. So a
resumed run, or one on twice as many processes, continues with the same data and nothing has to
be stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


class Drawer:
    """Draws items in proportion to their lengths.

    Args:
        lengths: of the items; longest: what is cut from one at most, for the bucketing.
        batch_size: items of a micro-batch and process.
        pool: batches that are drawn together, sorted by length and dealt out in random order, so
            that a batch holds items of like length; 1 turns the bucketing off.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        pool: int = 1,
        longest: int | None = None,
    ) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_size, self.seed, self.pool = batch_size, seed, pool
        self.rank, self.world_size = rank, world_size
        self.longest = int(self.lengths.max()) if longest is None else longest
        weights = self.lengths.astype(np.float64)
        self.cumulative = np.cumsum(weights) / weights.sum()

    def mine(self, position: int) -> list[tuple[int, list[int]]]:
        """This process's share of ``draws``."""
        first = self.rank * self.batch_size
        return self.draws(position)[first : first + self.batch_size]

    def draws(self, position: int) -> list[tuple[int, list[int]]]:
        """(item, key of its own random numbers) of all processes' items at ``position``."""
        total = self.batch_size * self.world_size
        pool, place = divmod(position, self.pool)
        rng = np.random.default_rng([self.seed, pool])
        drawn = np.searchsorted(self.cumulative, rng.random(total * self.pool))
        drawn = drawn.clip(max=len(self.lengths) - 1)
        keyed = [(int(i), [self.seed, pool, n]) for n, i in enumerate(drawn)]
        keyed.sort(key=lambda pair: min(int(self.lengths[pair[0]]), self.longest))
        batch = rng.permutation(self.pool)[place]
        members = keyed[batch * total : (batch + 1) * total]
        return [members[i] for i in rng.permutation(total)]


@dataclass(frozen=True)
class Crops:
    """Audio float32 [B, N], and of which recordings it is."""

    audio: Tensor
    names: list[str]

    def to(self, device: torch.device) -> Crops:
        return replace(self, audio=self.audio.to(device, non_blocking=True))

    def pin_memory(self) -> Crops:
        return replace(self, audio=self.audio.pin_memory())

    def seconds(self, sample_rate: int) -> float:
        """Of sound in it."""
        return self.audio.numel() / sample_rate


class PositionSampler:
    """Positions from ``start`` on, without end: the trainer stops, not the data."""

    def __init__(self, start: int) -> None:
        self.start = start

    def __iter__(self) -> Iterator[int]:
        position = self.start
        while True:
            yield position
            position += 1
