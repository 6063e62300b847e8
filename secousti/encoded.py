"""What ``encode`` returns and ``decode`` takes."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

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


class TokenFacts(Protocol):
    """What ``Encoded.from_codes`` asks of a codec."""

    sample_rate: int
    frame_size: int
    codebook_size: int

    def check_codes(self, codes: Any) -> Tensor:
        """Codes as int64 [B, K, L]."""

    def voices_for(self, voice: Any, rows: int) -> Tensor:
        """A voice for each row."""


@dataclass(frozen=True, repr=False)
class Encoded:
    """A batch of encoded recordings.

    Attributes:
        codes: int64 [B, K, L]; what lies beyond a row's length is padding.
        lengths: int64 [B], tokens of each row.
        num_samples: int64 [B], samples of each row at ``sample_rate``; decoding trims to them.
        sample_rate: Hz, the codec's.
        codebook_size: entries of each codebook.
        paralinguistic: float32 [B, 64] in [-1, 1], who speaks; ``None`` if the codec has none.
        made_by: refers to the codec that made it, while there is one: a notebook plays it. It is
            left out where an ``Encoded`` is compared, pickled or copied.
    """

    codes: Tensor
    lengths: Tensor
    num_samples: Tensor
    sample_rate: int
    codebook_size: int
    paralinguistic: Tensor | None = None
    made_by: weakref.ReferenceType[Any] | None = field(default=None, compare=False)

    @classmethod
    def from_codes(
        cls,
        codes: Tensor,
        voice: Tensor | None = None,
        *,
        codec: TokenFacts,
        lengths: Tensor | None = None,
        num_samples: Tensor | None = None,
    ) -> Encoded:
        """Codes alone, as a language model gives them, and who is to speak them.

        Args:
            codes: integers [L], [B, L] or [B, K, L].
            voice: [V], [1, V] or [B, V] in [-1, 1], or 8-bit integers as files hold them.
            codec: that the codes are of: a ``Codec``.
            lengths: int64 [B], tokens of each row; all of them if not given.
            num_samples: int64 [B], samples of each row; those of whole tokens if not given.

        Raises:
            SecoustiError: codes or a voice that ``codec`` does not have, lengths that do not fit.
        """
        given = torch.as_tensor(codes)
        tokens = codec.check_codes(given[None] if given.dim() == 1 else given)
        rows, most = len(tokens), tokens.shape[-1]
        counts = torch.full((rows,), most) if lengths is None else torch.as_tensor(lengths)
        samples = counts * codec.frame_size if num_samples is None else torch.as_tensor(num_samples)
        for what, values, limit in [
            ("lengths", counts, torch.full((rows,), most)),
            ("num_samples", samples, counts * codec.frame_size),
        ]:
            if values.shape != (rows,) or not bool(((values >= 0) & (values <= limit)).all()):
                raise SecoustiError(f"{what} {values.tolist()} do not fit codes {[*tokens.shape]}")
        vectors = None if voice is None else codec.voices_for(voice, rows)
        facts = (codec.sample_rate, codec.codebook_size, vectors, weakref.ref(codec))
        return cls(tokens, counts.long(), samples.long(), *facts)

    @property
    def codec(self) -> Any:
        """The codec that made it, or ``None`` if that is not known or no longer there."""
        return None if self.made_by is None else self.made_by()

    def __repr__(self) -> str:
        voice = "no voice" if self.paralinguistic is None else "a voice"
        recordings = "1 recording" if len(self) == 1 else f"{len(self)} recordings"
        return (
            f"Encoded({recordings} of {self.duration:.2f} s in all: {int(self.lengths.sum())} "
            f"tokens, codes {list(self.codes.shape)} of {self.codebook_size}, {voice}, "
            f"{self.sample_rate} Hz, {self.codes.device})"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: a player, the tokens over time, the bits."""
        from secousti.notebook import html

        return html(self)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "made_by": None}

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
