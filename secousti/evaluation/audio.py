"""A recording as the metrics see it: one channel, its rate, and a fingerprint of its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from secousti.audio.io import WHOLE, read_piece
from secousti.audio.opening import open_audio
from secousti.errors import SecoustiError
from secousti.manifest import Piece

if TYPE_CHECKING:
    from secousti.evaluation.datasets import Utterance

Samples = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Audio:
    """One channel of audio: ``samples`` float32 ``[T]`` (full scale is 1.0) at ``rate`` Hz."""

    samples: Samples
    rate: int

    def __post_init__(self) -> None:
        samples = np.ascontiguousarray(self.samples, dtype=np.float32)
        if samples.ndim != 1:
            raise SecoustiError(
                f"audio for evaluation must be one channel [T], not {samples.shape}"
            )
        if not np.isfinite(samples).all():
            raise SecoustiError("audio for evaluation holds samples that are not finite numbers")
        object.__setattr__(self, "samples", samples)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate

    @cached_property
    def key(self) -> str:
        """SHA-256 of rate and samples: equal audio has an equal key, whatever file held it."""
        return hashlib.sha256(str(self.rate).encode() + self.samples.tobytes()).hexdigest()

    def at(self, rate: int) -> Samples:
        """The samples at ``rate`` Hz, resampled with soxr's highest quality where rates differ."""
        if rate == self.rate or not len(self.samples):
            return self.samples
        import soxr

        return np.asarray(soxr.resample(self.samples, self.rate, rate, quality="VHQ"), np.float32)


def fit(samples: Samples, length: int) -> Samples:
    """Cut ``samples`` ``[T]`` to ``length``, or append zeros."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def read_audio(path: Path, piece: Piece = WHOLE) -> Audio:
    """Read any recording, or a piece of one; several channels become their mean.

    Raises:
        SecoustiError: the file is missing, unreadable or empty, or the piece is not within it.
    """
    with open_audio(path) as reader:
        samples, rate = read_piece(reader, piece), reader.sample_rate
    if not len(samples):
        raise SecoustiError(f"the recording {path} holds no samples")
    return Audio(samples.mean(axis=1), rate)


def read_utterance(utterance: Utterance) -> Audio:
    """The recording, or the piece of one, that an utterance names.

    Raises:
        SecoustiError: as ``read_audio``.
    """
    return read_audio(utterance.path, utterance.piece)
