"""Recordings of like length through the token layers together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from secousti.audio.batch import AudioBatch
from secousti.encoded import Encoded
from secousti.voice import quantize

if TYPE_CHECKING:
    from secousti.base import Codec


@dataclass(frozen=True)
class Tokens:
    """``codes`` uint16 [K * L] (the codebooks of a frame together), ``paralinguistic`` int8 [64]
    or ``None``."""

    codes: np.ndarray
    paralinguistic: np.ndarray | None


class Tokenizer:
    """Many recordings at the codec's rate -> their tokens, in the order given.

    Args:
        batch_seconds: of audio in a batch, padding included.
        voice: also compute the paralinguistic vector, which costs time.
    """

    def __init__(self, codec: Codec, batch_seconds: float, voice: bool = False) -> None:
        self.codec = codec.eval()
        self.most = int(batch_seconds * codec.sample_rate)
        self.voice = voice

    def __call__(self, recordings: Sequence[Tensor]) -> Iterator[tuple[int, Tokens]]:
        """Pairs (place in ``recordings``, tokens), batch by batch, longest first."""
        for batch in length_batches([len(wav) for wav in recordings], self.most):
            tokens = self._tokenize([recordings[i] for i in batch])
            yield from zip(batch, tokens, strict=True)

    def _tokenize(self, rows: list[Tensor]) -> list[Tokens]:
        lengths = torch.tensor([len(row) for row in rows])
        wav = pad_sequence(rows, batch_first=True)
        return _rows(self.codec.encode_batch(AudioBatch(wav, lengths), self.voice))


def length_batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Indices in batches of like length whose padded size is at most ``most`` (or one item).

    Longest first, ties in order: a function of the lengths alone.
    """
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and lengths[batch[0]] * (len(batch) + 1) > most:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _rows(encoded: Encoded) -> list[Tokens]:
    codes = encoded.codes.to("cpu").numpy().astype(np.uint16)  # [B, K, L]
    voices = encoded.paralinguistic
    wire = None if voices is None else quantize(voices).cpu().numpy()
    return [
        Tokens(
            np.ascontiguousarray(codes[i, :, : int(n)].T).reshape(-1),
            None if wire is None else wire[i],
        )
        for i, n in enumerate(encoded.lengths)
    ]
