"""How much of a job is done, told while it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from secousti.audio.reader import AudioReader

# Told which share of a job is done, from 0 to 1.
Told: TypeAlias = Callable[[float], None]
# Given the number of jobs, a block in which to say how much more of them is done: 1 is a job.
Track: TypeAlias = Callable[[int], AbstractContextManager[Callable[[float], None]]]


def ignore(share: float) -> None:
    """A ``Told`` that nobody reads."""


def untracked(jobs: int) -> AbstractContextManager[Callable[[float], None]]:
    """A ``Track`` that nobody watches."""
    return nullcontext(ignore)


class Meter:
    """From the share of one job that is done to what was added since it was last told."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._advance = advance
        self._share = 0.0

    def __call__(self, share: float) -> None:
        share = min(share, 1.0)
        if share > self._share:
            self._advance(share - self._share)
            self._share = share


def between(told: Told, low: float, high: float) -> Told:
    """The same for a part of the job: its 0 is ``low`` and its 1 is ``high``."""
    return lambda share: told(low + (high - low) * min(share, 1.0))


def watched(
    portions: Iterable[NDArray[np.float32]], total: float | None, told: Told
) -> Iterator[NDArray[np.float32]]:
    """The same portions of about ``total`` samples; the share that was taken is told."""
    done = 0
    for portion in portions:
        yield portion
        done += len(portion)
        if total:
            told(done / total)


class WatchedReader(AudioReader):
    """A recording that tells which share of it was read, where its length is known."""

    def __init__(self, audio: AudioReader, told: Told) -> None:
        self._audio, self._told = audio, told
        self.name, self.sample_rate = audio.name, audio.sample_rate
        self.channels, self.frames = audio.channels, audio.frames

    @property
    def given(self) -> int:
        """As of the recording."""
        return self._audio.given

    def read_frames(self, count: int) -> NDArray[np.float32]:
        """As of the recording."""
        samples = self._audio.read_frames(count)
        if self.frames:
            self._told(self._audio.given / self.frames)
        return samples
