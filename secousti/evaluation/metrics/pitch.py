"""Pitch and voicing against a reference, with WORLD's DIO and StoneMask."""

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
FRAME_MS = 5.0


def pitch_track(samples: Samples, cache: Cache | None = None) -> NDArray[np.float64]:
    """Fundamental frequency in Hz every 5 ms of 16 kHz audio ``[T]``; 0 where unvoiced.

    DIO refined by StoneMask, 60 to 600 Hz (Morise et al. 2009, 2016).
    """
    pyworld = require("pyworld", "eval")

    def track() -> list[float]:
        signal = samples.astype(np.float64)
        rough, times = pyworld.dio(signal, RATE, 60.0, 600.0, frame_period=FRAME_MS)
        return [round(f, 4) for f in pyworld.stonemask(signal, rough, times, RATE)]

    key = hashlib.sha256(samples.tobytes()).hexdigest()
    return np.array((cache or Cache()).remember("pitch", [key], track))


@dataclass
class PitchMetric(Metric):
    """Shared part of the metrics that compare two pitch tracks."""

    direction = "lower"
    requires = (Requirement("pyworld"),)

    def compute(self, sample: Sample) -> Score:
        reference, degraded = sample.pair(RATE)
        tracks = [pitch_track(signal, self.cache) for signal in (reference, degraded)]
        return self.compare(*tracks)

    @abstractmethod
    def compare(self, reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> Score:
        """Score two tracks ``[frames]`` in Hz, 0 where unvoiced."""


@dataclass
class PitchError(PitchMetric):
    """Mean squared error of F0 in Hz^2 over the frames voiced in both recordings (MSEP)."""

    name = "msep"
    label = "MSEP"
    unit = "Hz²"
    source = "mean squared error of pitch, SecoustiCodec section IV-D; package pyworld"

    def compare(self, reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> Score:
        both = (reference > 0) & (degraded > 0)
        if not both.any():
            raise Undefined("MSEP is undefined: no frame is voiced in both recordings")
        return Score(float(((reference - degraded)[both] ** 2).mean()))


@dataclass
class PitchCents(PitchMetric):
    """Root mean square F0 error in cents over the frames voiced in both recordings."""

    name = "f0_cents"
    label = "F0 RMSE"
    unit = "cent"
    source = "1200 log2 of the F0 ratio; package pyworld"

    def compare(self, reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> Score:
        both = (reference > 0) & (degraded > 0)
        if not both.any():
            raise Undefined("F0 RMSE is undefined: no frame is voiced in both recordings")
        cents = 1200 * np.log2(degraded[both] / reference[both])
        return Score(float(np.sqrt((cents**2).mean())))


@dataclass
class VoicingMismatch(PitchMetric):
    """Share of frames voiced in one recording and unvoiced in the other."""

    name = "vuv"
    label = "V/UV mismatch"
    source = "mismatch rate, SecoustiCodec section IV-D; package pyworld"

    def compare(self, reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> Score:
        return Score(float(((reference > 0) != (degraded > 0)).mean()))
