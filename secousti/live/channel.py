"""A channel that loses tokens, alone or in bursts."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from secousti.errors import SecoustiError
from secousti.streaming.concealment import LOST


class LossyChannel:
    """Loses a share ``loss`` of the tokens, the same ones for the same ``seed``.

    Args:
        burst: mean length of a run of lost tokens (Gilbert 1960); ``None``: each token is lost or
            not on its own, which makes runs of ``1 / (1 - loss)``.

    Raises:
        SecoustiError: a share outside 0..1, or bursts that cannot give it.
    """

    def __init__(self, loss: float, seed: int, burst: float | None = None) -> None:
        if not 0 <= loss <= 1:
            raise SecoustiError(f"a channel loses a share of 0 to 1 of its tokens, not {loss}")
        if burst is not None and not (burst >= 1 and loss <= burst / (burst + 1)):
            raise SecoustiError(
                f"bursts of {burst} tokens on average cannot lose {loss:.0%} of them: use bursts "
                "of 1 or more, and longer ones for so many losses"
            )
        self._again = loss if burst is None else 1 - 1 / burst  # lost after a lost token
        self._first = loss if burst is None else loss / (burst * (1 - loss))  # after one that came
        self._random = random.Random(seed)
        self._bad = self._random.random() < loss

    def send(self, codes: Tensor) -> Tensor:
        """int64 [L] -> the same with ``LOST`` where one did not arrive."""
        if not len(codes):
            return codes
        gone = torch.tensor([self._lose() for _ in range(len(codes))])
        return torch.where(gone, LOST, codes)

    def _lose(self) -> bool:
        bad = self._bad
        self._bad = self._random.random() < (self._again if bad else self._first)
        return bad
