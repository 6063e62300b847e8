"""Signals with known answers, and small data sets on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import soundfile

from secousti.errors import SecoustiError
from secousti.evaluation.audio import Audio
from secousti.evaluation.codecs import Codec
from secousti.evaluation.metrics import Metric, make_metric

Made = TypeVar("Made", Metric, Codec)


def voice(seconds: float = 2.0, rate: int = 16000, pitch: float = 120.0, seed: int = 0) -> Audio:
    """A buzz with a gliding pitch, formants, syllables, gaps and a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    f0 = pitch * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * t))
    phase = 2 * np.pi * np.cumsum(f0) / rate
    wave = np.zeros(len(t))
    for k in range(1, int(3800 / pitch)):
        weight = sum(np.exp(-(((k * pitch - f) / 250) ** 2)) for f in (600, 1400, 2600))
        wave += (weight + 0.02) * np.sin(k * phase + rng.uniform(0, 6.28))
    syllables = np.clip(np.sin(2 * np.pi * 2.2 * t), 0, 1) ** 0.5
    wave = 0.1 * wave * syllables + 1e-4 * rng.standard_normal(len(t))
    return Audio(wave.astype(np.float32), rate)


@pytest.fixture(scope="session")
def speech() -> Audio:
    """Two seconds of it."""
    return voice()


def ready(name: str, **options: str) -> Metric:
    """The metric, or skip the test where it is not installed."""
    return checked(make_metric(name, **options))


def checked(made: Made) -> Made:
    """A metric or codec, or skip the test where it cannot run."""
    try:
        made.check()
    except SecoustiError as reason:
        pytest.skip(str(reason))
    return made


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of six recordings of three speakers, with text."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = []
    for index in range(6):
        speaker = f"s{index % 3}"
        name = f"{speaker}/u{index}.wav"
        (folder / speaker).mkdir(exist_ok=True)
        audio = voice(1.0, pitch=100 + 25 * (index % 3), seed=index)
        soundfile.write(folder / name, audio.samples, audio.rate, subtype="FLOAT")
        row = {"audio": name, "speaker": speaker, "language": "en", "text": "one two"}
        rows.append({**row, "emotion": ("glad", "calm")[index // 3]})
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path
