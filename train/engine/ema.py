"""Exponential moving average of the weights that train."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class WeightAverage:
    """``average <- decay * average + (1 - decay) * weights`` after every step.

    Early steps use a smaller decay, ``(1 + n) / (10 + n)``, so that the start is forgotten.
    """

    def __init__(self, weights: dict[str, Tensor], decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.weights = weights
        self.average = {name: w.detach().clone() for name, w in weights.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the current weights into the average."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(list(self.average.values()), list(self.weights.values()), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the model's weights are the averaged ones."""
        kept = {name: w.detach().clone() for name, w in self.weights.items()}
        self.write()
        try:
            yield
        finally:
            _copy(kept, self.weights)

    def write(self) -> None:
        """Give the model the averaged weights for good."""
        _copy(self.average, self.weights)

    def load(self, average: dict[str, Tensor], updates: int) -> None:
        """Continue from a saved average."""
        _copy(average, self.average)
        self.updates = updates


@torch.no_grad()
def _copy(source: dict[str, Tensor], target: dict[str, Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
