"""Intelligibility against a reference: STOI and ESTOI."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

from secousti.errors import require
from secousti.evaluation.metrics.base import Metric, Requirement, Sample, Score, Undefined


@dataclass
class Stoi(Metric):
    """STOI: mean correlation of one-third-octave envelopes over 384 ms, below 5 kHz (0 to 1).

    Works at 10 kHz inside; the level of either signal does not matter, their alignment does.
    """

    name = "stoi"
    label = "STOI"
    direction = "higher"
    requires = (Requirement("pystoi"),)
    source = "Taal et al. 2011; package pystoi"

    extended: ClassVar[bool] = False

    def compute(self, sample: Sample) -> Score:
        pystoi = require("pystoi", "eval")
        reference, degraded = sample.pair(16000)
        if not reference.any() or not degraded.any():
            raise Undefined(f"{self.label} is undefined: one of the recordings is silent")
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            try:
                return Score(pystoi.stoi(reference, degraded, 16000, extended=self.extended))
            except (RuntimeWarning, ValueError) as error:
                raise Undefined(f"{self.label} is undefined: fewer than 30 frames speak") from error


@dataclass
class Estoi(Stoi):
    """Extended STOI: correlates whole spectral segments, for fluctuating distortions."""

    name = "estoi"
    label = "ESTOI"
    source = "Jensen and Taal 2016; package pystoi"

    extended = True
