"""What encoder and decoder have in common: so many streams with one state, each restarted alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch

from secousti.ambient import undisturbed
from secousti.base import Codec
from secousti.streaming.state import State, reset_rows


class Streams(ABC):
    """``batch_size`` independent streams of one codec; ``state`` has a row for each."""

    codec: Codec
    batch_size: int
    state: State

    def reset(self, rows: Iterable[int] | None = None) -> None:
        """Begin new streams in ``rows`` (all if not given).

        What was not flushed is dropped; a decoder's voices stay as they are set.
        """
        chosen = list(range(self.batch_size) if rows is None else rows)
        if not chosen:
            return
        with undisturbed(self.codec.device):
            self.state = reset_rows(self.state, torch.tensor(chosen, device=self.codec.device))
            for row in chosen:
                self._reset_row(row)

    @abstractmethod
    def _reset_row(self, row: int) -> None:
        """What a stream keeps beside the codec's state."""
