"""A channel that loses tokens, alone or in bursts, and what is done about it."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from secousti.errors import SecoustiError
from secousti.sessions.concealment import DEFAULT, LOST, Strategy


@dataclass(frozen=True)
class Channel:
    """What happens to tokens between encoder and decoder.

    Args:
        loss: share of the tokens that is lost, 0 to 1.
        burst: mean length of a run of lost tokens (Gilbert 1960); ``None``: each token is lost or
            not on its own, which makes runs of ``1 / (1 - loss)``.
        seed: the same tokens are lost for the same one.
        concealment: what is heard instead.

    Raises:
        SecoustiError: a share outside 0..1, or bursts that cannot give it.
    """

    loss: float = 0.0
    burst: float | None = None
    seed: int = 0
    concealment: Strategy = DEFAULT

    def __post_init__(self) -> None:
        loss, burst = self.loss, self.burst
        if not 0 <= loss <= 1:
            raise SecoustiError(f"a channel loses a share of 0 to 1 of its tokens, not {loss}")
        if burst is not None and not (burst >= 1 and loss <= burst / (burst + 1)):
            raise SecoustiError(
                f"bursts of {burst} tokens on average cannot lose {loss:.0%} of them: use bursts "
                "of 1 or more, and longer ones for so many losses"
            )

    def open(self) -> Transmission:
        """A stream through this channel."""
        return Transmission(self)


class Transmission:
    """One stream of tokens through a channel."""

    def __init__(self, channel: Channel) -> None:
        loss, burst = channel.loss, channel.burst
        self._again = loss if burst is None else 1 - 1 / burst  # lost after a lost token
        self._first = loss if burst is None else loss / (burst * (1 - loss))  # after one that came
        self._random = random.Random(channel.seed)
        self._bad = self._random.random() < loss

    def send(self, codes: Tensor) -> Tensor:
        """int64 [L] -> the same with ``LOST`` where one did not arrive; [K, L] by whole frames."""
        if not codes.shape[-1]:
            return codes
        gone = torch.tensor([self._lose() for _ in range(codes.shape[-1])])
        return torch.where(gone, LOST, codes)

    def _lose(self) -> bool:
        bad = self._bad
        self._bad = self._random.random() < (self._again if bad else self._first)
        return bad
