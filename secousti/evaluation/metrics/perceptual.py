"""Perceptual quality against a reference: PESQ and ViSQOL."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from secousti.errors import require
from secousti.evaluation.metrics.base import Metric, Requirement, Sample, Score, Undefined


@dataclass
class Pesq(Metric):
    """PESQ, wide band: ITU-T P.862.2 at 16 kHz, mapped to MOS-LQO (1.04 to 4.64).

    PESQ aligns level and delay itself.
    """

    name = "pesq"
    label = "PESQ-WB"
    direction = "higher"
    unit = "MOS"
    requires = (Requirement("pesq"),)
    source = "ITU-T P.862.2; package pesq"

    rate: ClassVar[int] = 16000
    band: ClassVar[Literal["wb", "nb"]] = "wb"

    def compute(self, sample: Sample) -> Score:
        pesq = require("pesq", "eval")
        reference, degraded = sample.pair(self.rate)
        if not degraded.any():
            raise Undefined("PESQ is undefined: the decoded audio is silent")
        try:
            return Score(pesq.pesq(self.rate, reference, degraded, self.band))
        except (pesq.NoUtterancesError, pesq.BufferTooShortError) as error:
            raise Undefined(f"PESQ is undefined: {error}") from error


@dataclass
class PesqNarrow(Pesq):
    """PESQ, narrow band: ITU-T P.862 with the P.862.1 mapping at 8 kHz (1.02 to 4.55)."""

    name = "pesq_nb"
    label = "PESQ-NB"
    source = "ITU-T P.862 and P.862.1; package pesq"

    rate = 8000
    band = "nb"


@dataclass
class Visqol(Metric):
    """ViSQOL v3 in speech mode: 16 kHz, lattice mapping to MOS-LQO (1 to 5).

    It scales the degraded signal to the reference's level and aligns patches itself. The lattice
    mapping needs ai-edge-litert; without it the package falls back to another mapping with other
    values, so its absence is an error here.
    """

    name = "visqol"
    label = "ViSQOL"
    direction = "higher"
    unit = "MOS"
    requires = (
        Requirement("visqol", distribution="visqol-python"),
        Requirement("ai_edge_litert", distribution="ai-edge-litert"),
    )
    source = "Chinen et al. 2020 (ViSQOL v3); package visqol-python"

    @cached_property
    def _judge(self) -> Any:
        judge = require("visqol", "eval").VisqolApi()
        judge.create(mode="speech", use_lattice_model=True)
        return judge

    def compute(self, sample: Sample) -> Score:
        reference, degraded = (signal.astype(np.float64) for signal in sample.pair(16000))
        if not degraded.any() or not reference.any():
            raise Undefined("ViSQOL is undefined: one of the recordings is silent")
        try:
            return Score(self._judge.measure_from_arrays(reference, degraded, 16000).moslqo)
        except (ValueError, IndexError) as error:
            raise Undefined(f"ViSQOL is undefined: {error}") from error
