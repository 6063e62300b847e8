"""Validation that is heard: PESQ and STOI of speech against its recording, and samples of both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from secousti.errors import require

RATE = 16_000  # of PESQ-WB; STOI resamples by itself


@dataclass
class Sample:
    """One utterance to listen to: float32 [N] sounds by name, float32 [n_mels, T] mels by name."""

    name: str
    sounds: dict[str, np.ndarray] = field(default_factory=dict)
    mels: dict[str, np.ndarray] = field(default_factory=dict)
    rate: int = RATE


def perceptual(reference: np.ndarray, output: np.ndarray, rate: int) -> tuple[float | None, float]:
    """PESQ-WB and STOI of float32 [N] against [N]; no PESQ where nobody speaks."""
    pesq, pystoi, soxr = (require(name, "train") for name in ("pesq", "pystoi", "soxr"))
    pair = [soxr.resample(x, rate, RATE) for x in (reference, output)]
    stoi = float(pystoi.stoi(*pair, RATE))
    try:
        return float(pesq.pesq(RATE, *pair, "wb")), stoi
    except pesq.PesqError:
        return None, stoi  # no utterance found in it: too short or silent for a score


def score(samples: Iterable[Sample], original: str, scored: str) -> dict[str, float]:
    """Mean ``pesq`` and ``stoi`` of the sounds called ``scored`` against those of ``original``."""
    pairs = [perceptual(s.sounds[original], s.sounds[scored], s.rate) for s in samples]
    scores = {
        "pesq": [quality for quality, _ in pairs if quality is not None],
        "stoi": [clarity for _, clarity in pairs],
    }
    return {name: float(np.mean(values)) for name, values in scores.items() if values}
