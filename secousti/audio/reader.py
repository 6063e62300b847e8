"""What every open recording offers, whatever holds it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError

_BLOCK = 1 << 18  # samples; what is read whole is gathered in blocks of so many


class NotFinite(SecoustiError):
    """NaN or infinity among the samples of a recording."""


class AudioReader(ABC):
    """A recording read from its beginning to its end, in memory that does not grow with it.

    Attributes:
        name: for messages.
        sample_rate: Hz. channels: of ``read_frames``.
        frames: samples of a channel, where that is known before they are read.
        arrives: decoded from a pipe while it comes, not gathered first.
    """

    name: str
    sample_rate: int
    channels: int
    frames: int | None = None
    arrives = False
    _given = 0  # samples handed out or left out

    @property
    def given(self) -> int:
        """Samples of a channel that were handed out or left out so far."""
        return self._given

    @abstractmethod
    def read_frames(self, count: int) -> NDArray[np.float32]:
        """The next ``count`` samples of all channels, float32 [N, C]; fewer only at the end.

        Raises:
            SecoustiError: the recording is damaged or ends too early, or NaN is among them.
        """

    def read(self, count: int) -> NDArray[np.float32]:
        """The next ``count`` samples, channels averaged, float32 [N]; fewer only at the end."""
        mono: NDArray[np.float32] = self.read_frames(count).mean(axis=1)
        return mono

    def read_all(self, most: int | None = None) -> NDArray[np.float32]:
        """What is left, or at most so many samples, float32 [N, C]."""
        blocks, have = [np.zeros((0, self.channels), np.float32)], 0
        while most is None or have < most:
            wanted = _BLOCK if most is None else min(_BLOCK, most - have)
            block = self.read_frames(wanted)
            blocks.append(block)
            have += len(block)
            if len(block) < wanted:
                break
        return np.concatenate(blocks)

    def skip(self, count: int) -> int:
        """Leave out ``count`` samples; how many there were."""
        done = 0
        while done < count:
            wanted = min(count - done, _BLOCK)
            found = len(self.read_frames(wanted))
            done += found
            if found < wanted:
                break
        return done

    def drain(self) -> None:  # noqa: B027
        """Take what follows the audio, so that its writer need not know that nobody wants it."""

    def close(self) -> None:  # noqa: B027
        """Let go of the file."""

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _finite(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return samples [N, C] that are to be handed out, if they are numbers."""
        wrong = ~np.isfinite(samples)
        if wrong.any():
            first = self._given + int(np.nonzero(wrong)[0][0])
            raise NotFinite(f"{self.name} has a NaN or infinite sample (first at index {first})")
        self._given += len(samples)
        return samples
