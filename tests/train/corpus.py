"""A small corpus on disk, a toy configuration for it, and runs of the real command."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

REPO = Path(__file__).parents[2]
RATE = 22050
PHONES = ("AA1", "IY1", "S", "N", "sil")


def write_corpus(folder: Path, utterances: int = 16, speakers: int = 4, seed: int = 0) -> Path:
    """Voices that hum one tone per phoneme; every fourth utterance has no alignment."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(utterances):
        seconds = float(rng.uniform(0.4, 2.5))
        phones, audio = _utterance(rng, seconds, pitch=100 + 40 * (n % speakers))
        path = folder / f"u{n:02}.wav"
        soundfile.write(path, audio, RATE)
        row: dict[str, Any] = {"audio": path.name, "speaker": f"s{n % speakers}"}
        row |= {"corpus": "toy", "language": "en", "duration": len(audio) / RATE}
        rows.append(row | ({"phones": phones} if n % 4 else {}))
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return manifest


def _utterance(
    rng: np.random.Generator, seconds: float, pitch: float
) -> tuple[list[list[Any]], np.ndarray]:
    times = np.arange(0.0, seconds, 0.2)
    labels = [PHONES[i] for i in rng.integers(len(PHONES), size=len(times))]
    t = np.arange(int(seconds * RATE)) / RATE
    which = np.array([PHONES.index(labels[i]) for i in (t // 0.2).astype(int)])
    tone = np.sin(2 * np.pi * t * pitch * (1 + which)) * (which < 4)
    audio = 0.1 * tone + 0.003 * rng.standard_normal(len(t))
    ends = [*times[1:], seconds]
    phones = [[float(a), float(b), c] for a, b, c in zip(times, ends, labels, strict=True)]
    return phones, audio.astype(np.float32)


def toy_document(folder: Path, manifest: Path) -> dict[str, Any]:
    """A configuration of a few thousand parameters that goes through both stages in 16 steps."""
    codec = {
        "seanet": {"dimension": 16, "n_filters": 4},
        "transformer": {"d_model": 16, "num_heads": 2, "dim_feedforward": 32, "context": 8},
        "depth": {"acoustic": 1, "semantic": 1, "connector": 1, "decoder": 1},
        "paralinguistic": {"conv_channels": [8, 8, 8, 8, 8, 16], "hidden_size": 8},
        "acoustic_dim": 12,
    }
    training = {
        "data": {
            "root": str(folder),
            "train": [str(manifest)],
            "valid": [str(manifest)],
            "alignments": [str(manifest)],
            "cache": str(folder / "cache"),
            "crop_seconds": 1.0,
            "window_seconds": 0.5,
            "batch_size": 4,
            "workers": 0,
            "pool": 3,
        },
        "objective": {"phoneme_encoder": {"layers": 1}, "tile": 16},
        "schedule": {
            "stage1_end": 8,
            "total_steps": 16,
            "beta": 0.1,
            "token_mel": 0.1,
            "kl_semantic": {"start": 10, "end": 12},
            "kl_para": {"start": 10, "end": 12},
        },
        "optim": {"lr": 2e-3, "ema": 0.9},
        "run": {
            "output": str(folder / "run"),
            "log_every": 1,
            "validate_every": 100,
            "save_every": 3,
            "valid_items": 4,
            "trackers": [],
            "device": "cpu",
        },
        "calibrate": True,
    }
    return {"codec": codec, "training": training}


def write_config(folder: Path, document: dict[str, Any], name: str = "toy.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(document))
    return path


def environment() -> dict[str, str]:
    # Without MKL_CBWR, MKL lets the layout of memory choose its FFT, and the last bit with it.
    return os.environ | {"OMP_NUM_THREADS": "1", "MKL_CBWR": "COMPATIBLE"}


def train(config: Path, *changes: str) -> subprocess.Popen[str]:
    """``python -m train CONFIG CHANGES`` as a process of its own."""
    command = [sys.executable, "-m", "train", str(config), *changes]
    return subprocess.Popen(
        command,
        cwd=REPO,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    """What it printed; fails unless it exits with ``code``."""
    output, _ = process.communicate(timeout=900)
    assert process.returncode == code, output
    return output


def losses(run: Path, group: str = "train") -> dict[tuple[int, str], float]:
    """(step, name) -> value of ``metrics.csv``, without what depends on the clock."""
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    timed = {"train/audio_per_second", "train/data_wait"}
    values = {(int(step), name): float(value) for step, name, value in rows if name not in timed}
    assert len(values) == len([row for row in rows if row[1] not in timed]), "a step logged twice"
    return {key: value for key, value in values.items() if key[1].startswith(group)}
