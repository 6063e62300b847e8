"""What ``encode`` returns and ``decode`` takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from secousti.errors import SecoustiError

PARALINGUISTIC_BITS = 8  # per number, on the wire


@dataclass(frozen=True)
class Bits:
    """Information content, counted apart: ``tokens`` (entropy bound) and ``side_information``.

    What a file adds around them is its container's business and reported there.
    """

    tokens: float
    side_information: int

    @property
    def total(self) -> float:
        """Both together."""
        return self.tokens + self.side_information


@dataclass(frozen=True)
class Encoded:
    """A batch of encoded recordings.

    Attributes:
        codes: int64 [B, K, L]; what lies beyond a row's length is padding.
        lengths: int64 [B], tokens of each row.
        num_samples: int64 [B], samples of each row at ``sample_rate``; decoding trims to them.
        sample_rate: Hz, the codec's.
        codebook_size: entries of each codebook.
        paralinguistic: float32 [B, 64] in [-1, 1], who speaks; ``None`` if the codec has none.
    """

    codes: Tensor
    lengths: Tensor
    num_samples: Tensor
    sample_rate: int
    codebook_size: int
    paralinguistic: Tensor | None = None

    def __len__(self) -> int:
        return self.codes.shape[0]

    def __getitem__(self, row: int) -> Encoded:
        """One recording, as a batch of one without padding."""
        row = range(len(self))[row]
        return replace(
            self,
            codes=self.codes[row : row + 1, :, : int(self.lengths[row])],
            lengths=self.lengths[row : row + 1],
            num_samples=self.num_samples[row : row + 1],
            paralinguistic=None
            if self.paralinguistic is None
            else self.paralinguistic[row : row + 1],
        )

    def to(self, device: torch.device | str) -> Encoded:
        """The same on another device."""
        para = self.paralinguistic
        return replace(
            self,
            codes=self.codes.to(device),
            lengths=self.lengths.to(device),
            num_samples=self.num_samples.to(device),
            paralinguistic=None if para is None else para.to(device),
        )

    @property
    def bits(self) -> Bits:
        """Bits of the whole batch."""
        per_token = self.codes.shape[1] * math.log2(self.codebook_size)
        side = (
            0 if self.paralinguistic is None else PARALINGUISTIC_BITS * self.paralinguistic.numel()
        )
        return Bits(int(self.lengths.sum()) * per_token, side)

    @property
    def duration(self) -> float:
        """Seconds of audio in the whole batch."""
        return int(self.num_samples.sum()) / self.sample_rate


def with_voice(tokens: Encoded, voice: Encoded) -> Encoded:
    """The tokens of one with the paralinguistic vector of another (one voice, or one a row)."""
    vector = voice.paralinguistic
    if vector is None:
        raise SecoustiError("the reference has no paralinguistic vector")
    if len(voice) not in (1, len(tokens)):
        raise SecoustiError(f"{len(voice)} references do not fit {len(tokens)} sources")
    return replace(tokens, paralinguistic=vector.expand(len(tokens), -1))
