"""The speech encoder's input of an item: another voice, another microphone, the same words.

Information perturbation (Choi et al. 2021, NANSY): pitch and formants are moved by resampling, the
tempo is brought back by WSOLA, so that every frame still has its phoneme and its target, and a
smooth random gain over frequency stands for another vocal tract and microphone. Decoder and voice
vector keep to the recording. ``objective.warp_share`` does something like it to the finished mel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import soxr

from secousti.errors import SecoustiError
from train.data.augment import check_range
from train.data.wsola import stretched

_PERTURBATION = 4  # random numbers of its own, beside the augmentation's effects
_LOWEST, _BENDS = 60.0, 8  # Hz, and points of the gain curve from there to half the rate


@dataclass(frozen=True)
class PerturbConfig:
    """What is done to a ``share`` of the items as the encoder is given them; by default nothing.

    Args:
        pitch: range of the factor by which all frequencies are multiplied.
        equalizer_db: standard deviation of the gain at each of eight frequencies.

    Raises:
        SecoustiError: a share outside 0 to 1, a range that is none, a negative deviation.
    """

    share: float = 0.0
    pitch: tuple[float, ...] = (0.7, 1.4)
    equalizer_db: float = 4.0

    def __post_init__(self) -> None:
        check_range("perturb.pitch", self.pitch, above=0)
        if not 0 <= self.share <= 1:
            raise SecoustiError(f"perturb.share must lie between 0 and 1, found {self.share:g}")
        if not 0 <= self.equalizer_db < math.inf:
            raise SecoustiError(
                f"perturb.equalizer_db must be 0 or more, found {self.equalizer_db:g}"
            )


class Perturbation(NamedTuple):
    """``factor`` of all frequencies; ``gains``: dB at frequencies evenly spaced in octaves."""

    factor: float
    gains: np.ndarray

    def __call__(self, audio: np.ndarray, sample_rate: int) -> np.ndarray:
        """float32 [N] -> the same words in another voice, float32 [N]."""
        faster = soxr.resample(audio, sample_rate * self.factor, sample_rate)
        moved = stretched(np.asarray(faster), len(audio), sample_rate)
        spectrum = np.fft.rfft(moved)
        octaves = np.log2(np.fft.rfftfreq(len(moved), 1 / sample_rate).clip(min=_LOWEST) / _LOWEST)
        places = np.linspace(0, math.log2(sample_rate / 2 / _LOWEST), len(self.gains))
        curve = 10 ** (np.interp(octaves, places, self.gains) / 20)
        return np.fft.irfft(spectrum * curve, len(moved)).astype(np.float32)


def draw(config: PerturbConfig, key: Sequence[int]) -> Perturbation | None:
    """The perturbation of the item whose random numbers have this key; None for most."""
    if config.share == 0:
        return None
    rng = np.random.default_rng([*key, _PERTURBATION])
    if rng.random() >= config.share:
        return None
    low, high = (math.log(bound) for bound in config.pitch)
    factor = math.exp(rng.uniform(low, high))
    return Perturbation(factor, rng.normal(0.0, config.equalizer_db, _BENDS))
