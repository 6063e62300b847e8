"""Pitch and voicing against a reference, with pYIN.

Of the trackers at hand pYIN makes by far the fewest octave errors (docs/metrics.md): it looks for
the period and then for the likeliest path, where WORLD's DIO follows the lowest harmonic, which
telephone-band codecs take away.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secousti.errors import require
from secousti.evaluation.audio import Samples
from secousti.evaluation.cache import Cache
from secousti.evaluation.metrics.base import Metric, Requirement, Sample, Score, Undefined

RATE = 16000
HOP = 160
LOWEST, HIGHEST = 60.0, 600.0  # Hz
_WINDOW = 1024
_REVISION = 1  # of pitch_track, for the cache


def pitch_track(samples: Samples, cache: Cache | None = None) -> NDArray[np.float64]:
    """Fundamental frequency in Hz every 10 ms of 16 kHz audio ``[T]``; 0 where unvoiced.

    pYIN (Mauch and Dixon 2014), 60 to 600 Hz, windows of 64 ms.
    """
    librosa = require("librosa", "eval")

    def track() -> list[float]:
        frequency, voiced, _ = librosa.pyin(
            samples, fmin=LOWEST, fmax=HIGHEST, sr=RATE, frame_length=_WINDOW, hop_length=HOP
        )
        return [round(float(f), 4) if v else 0.0 for f, v in zip(frequency, voiced, strict=True)]

    key = hashlib.sha256(samples.tobytes()).hexdigest()
    made_by = ["pyin", _REVISION, librosa.__version__]
    return np.array((cache or Cache()).remember("pitch", [*made_by, key], track))


@dataclass
class PitchMetric(Metric):
    """Shared part of the metrics that compare two pitch tracks."""

    direction = "lower"
    revision = 2
    requires = (Requirement("librosa"),)

    def compute(self, sample: Sample) -> Score:
        reference, degraded = sample.pair(RATE)
        tracks = [pitch_track(signal, self.cache) for signal in (reference, degraded)]
        return self.compare(*tracks)

    @abstractmethod
    def compare(self, reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> Score:
        """Score two tracks ``[frames]`` in Hz, 0 where unvoiced."""

    def _voiced(
        self, reference: NDArray[np.float64], degraded: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """The frames that are voiced in both recordings.

        Raises:
            Undefined: there are none.
        """
        both = (reference > 0) & (degraded > 0)
        if not both.any():
            raise Undefined(f"{self.label} is undefined: no frame is voiced in both recordings")
        return both


@dataclass
class PitchError(PitchMetric):
    """Mean squared error of F0 in Hz^2 over the frames voiced in both recordings (MSEP)."""

    name = "msep"
    label = "MSEP"
    unit = "Hz²"
    source = "mean squared error of pitch, SecoustiCodec section IV-D; pYIN of package librosa"

    def compare(self, reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> Score:
        both = self._voiced(reference, degraded)
        return Score(float(((reference - degraded)[both] ** 2).mean()))


@dataclass
class PitchCents(PitchMetric):
    """Root mean square F0 error in cents over the frames voiced in both recordings."""

    name = "f0_cents"
    label = "F0 RMSE"
    unit = "cent"
    source = "1200 log2 of the F0 ratio; pYIN of package librosa"

    def compare(self, reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> Score:
        both = self._voiced(reference, degraded)
        cents = 1200 * np.log2(degraded[both] / reference[both])
        return Score(float(np.sqrt((cents**2).mean())))


@dataclass
class VoicingMismatch(PitchMetric):
    """Share of frames voiced in one recording and unvoiced in the other."""

    name = "vuv"
    label = "V/UV mismatch"
    source = "mismatch rate, SecoustiCodec section IV-D; pYIN of package librosa"

    def compare(self, reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> Score:
        return Score(float(((reference > 0) != (degraded > 0)).mean()))
