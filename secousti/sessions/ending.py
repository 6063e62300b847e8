"""The end of a recording: exactly as many samples as it had, at any rate."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from secousti.audio.resample import ResampleStream, resampler
from secousti.base import Codec

Sound = NDArray[np.float32]


class Trimmer:
    """A stream cut, or filled with silence, to ``total`` samples.

    ``total`` may be told at any time. Until it is, the last ``hold`` samples are held back: as
    many as may turn out not to be part of the recording.
    """

    def __init__(self, hold: int = 0) -> None:
        self.total: int | None = None
        self.given = 0
        self._hold = hold
        self._held = np.zeros(0, np.float32)

    def push(self, samples: Sound) -> Sound:
        """What is surely part of the recording."""
        held = np.concatenate([self._held, samples])
        if self.total is None:
            count = max(len(held) - self._hold, 0)
        else:
            count = min(len(held), max(self.total - self.given, 0))
        self._held = held[count:]
        self.given += count
        return held[:count]

    def finish(self, samples: Sound) -> Sound:
        """The rest, cut or padded to ``total`` samples in all."""
        rest = np.concatenate([self._held, samples])
        self._held = rest[:0]
        if self.total is not None:
            wanted = max(self.total - self.given, 0)
            rest = np.pad(rest[:wanted], (0, max(wanted - len(rest), 0)))
        self.given += len(rest)
        return rest


class Ending:
    """From a decoder's audio to the recording: trimmed, resampled, trimmed again.

    Cut before resampling and after it, as ``decode`` of the whole recording is.

    Args:
        rate: Hz of the recording.
        tokens_first: the tokens come before anybody knows the length, so what a codec pads at the
            end of a recording is held back.

    Attributes:
        decoded: trims at the codec's rate. resampled: trims at ``rate``.
    """

    def __init__(self, codec: Codec, rate: int, tokens_first: bool = False) -> None:
        self._resampler = resampler(codec.sample_rate, rate)
        self._stream = ResampleStream(self._resampler)
        # More than any codec pads at the end, and more than rounding between rates can add.
        self.decoded = Trimmer(codec.frame_size + codec.hop_length if tokens_first else 0)
        self.resampled = Trimmer(math.ceil(rate / codec.sample_rate) + 2 if tokens_first else 0)

    def set_length(self, decoded: int | None, resampled: int | None = None) -> None:
        """Samples in all at the codec's rate, and at ``rate`` if the two do not follow."""
        self.decoded.total = decoded
        if resampled is None and decoded is not None:
            resampled = self._resampler.output_length(decoded)
        self.resampled.total = resampled

    def push(self, audio: Tensor) -> tuple[Sound, Sound]:
        """Decoded samples [N] -> those that are sure by now, at both rates."""
        kept = self.decoded.push(audio.cpu().numpy())
        return kept, self.resampled.push(self._stream.push(torch.from_numpy(kept)).numpy())

    def finish(self, audio: Tensor) -> tuple[Sound, Sound]:
        """The decoder's last samples [N] -> the rest of the recording, at both rates."""
        kept = self.decoded.finish(audio.cpu().numpy())
        rest = torch.cat([self._stream.push(torch.from_numpy(kept)), self._stream.flush()])
        return kept, self.resampled.finish(rest.numpy())
