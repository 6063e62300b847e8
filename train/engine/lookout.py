"""Losses that wait on the device until somebody looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Outcome:
    """Of one step: the utterances it trained on, and its losses as numbers."""

    step: int
    names: list[str]
    losses: dict[str, float]


@dataclass
class Lookout:
    """Steps whose losses are not known yet.

    To look at a GPU's numbers is to wait until it has done all it was given. So a run that looks
    at every step never has work prepared for the device; one that looks seldom has.
    """

    waiting: list[tuple[int, list[str], dict[str, Tensor]]] = field(default_factory=list)

    def add(self, step: int, names: list[str], losses: dict[str, Tensor]) -> None:
        """Losses are scalars on the device."""
        self.waiting.append((step, names, losses))

    def look(self) -> Iterator[Outcome]:
        """What became of the steps since the last look, in one transfer, the oldest first."""
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        stacked = [torch.stack(list(losses.values())) for _, _, losses in waiting]
        numbers = iter(torch.cat(stacked).tolist())
        for step, names, losses in waiting:
            yield Outcome(step, names, {name: next(numbers) for name in losses})
