"""What a stream says: a voice, a run of tokens, the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

MAX_RUN = 1 << 16  # tokens in one record
PORTION = 256  # frames handed on at once: a short record may hold an hour of speech


@dataclass(frozen=True)
class Voice:
    """The paralinguistic vector from frame ``start`` on: int8 [N], value = code / 127.

    ``stored_bits``: what it takes in the file.
    """

    start: int
    codes: NDArray[np.int8]
    stored_bits: int = 0


@dataclass(frozen=True)
class Tokens:
    """Frames ``start`` and following: int64 [num_codebooks, L].

    ``stored_bits``: what the token data itself takes in the file, 0 for a part of a record.
    """

    start: int
    codes: NDArray[np.int64]
    stored_bits: int = 0

    @property
    def end(self) -> int:
        """The frame after the last."""
        return self.start + self.codes.shape[1]

    def pieces(self, frames: int = PORTION) -> Iterator[Tokens]:
        """The same run in pieces of at most ``frames``; the first has the stored bits."""
        for first in range(0, self.codes.shape[1], frames):
            codes = self.codes[:, first : first + frames]
            yield Tokens(self.start + first, codes, 0 if first else self.stored_bits)


@dataclass(frozen=True)
class End:
    """The whole: frames, samples at the codec's rate, samples of the source (0: not known)."""

    frames: int
    num_samples: int
    source_num_samples: int


Event: TypeAlias = Voice | Tokens | End


@dataclass(frozen=True)
class Run:
    """A run as it lies in a file, not decoded yet.

    Attributes:
        decode: gives the tokens, int64 [num_codebooks, frames]; called at most once.
        alone: whether it decodes without the runs before it, which must else be decoded first.
    """

    start: int
    frames: int
    stored_bits: int
    decode: Callable[[], NDArray[np.int64]]
    alone: bool = True

    @property
    def end(self) -> int:
        """The frame after the last."""
        return self.start + self.frames

    def tokens(self) -> Tokens:
        """Decoded."""
        return Tokens(self.start, self.decode(), self.stored_bits)


Item: TypeAlias = Voice | Run | End
