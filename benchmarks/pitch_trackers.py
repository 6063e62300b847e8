"""Which pitch tracker agrees with itself on speech that a codec or noise has changed.

    SECOUSTI_SPEECH=corpora/mini python -m benchmarks.pitch_trackers [--limit 10]

Needs pyworld beside the extra ``eval``. The reason for pYIN in the metrics (docs/metrics.md).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyworld

from secousti.evaluation.audio import fit, read_utterance
from secousti.evaluation.codecs import make_codec
from secousti.evaluation.datasets import load_dataset
from secousti.evaluation.metrics.pitch import HIGHEST, HOP, LOWEST, RATE, pitch_track
from secousti.evaluation.suite import load_suite

Track = np.ndarray
PERIOD_MS = 1000 * HOP / RATE


def dio(samples: np.ndarray) -> Track:
    """WORLD's DIO refined by StoneMask."""
    wave = samples.astype(np.float64)
    rough, times = pyworld.dio(wave, RATE, LOWEST, HIGHEST, frame_period=PERIOD_MS)
    return pyworld.stonemask(wave, rough, times, RATE)


def harvest(samples: np.ndarray) -> Track:
    """WORLD's Harvest."""
    wave = samples.astype(np.float64)
    return pyworld.harvest(wave, RATE, LOWEST, HIGHEST, frame_period=PERIOD_MS)[0]


TRACKERS: dict[str, Callable[[np.ndarray], Track]] = {
    "DIO": dio,
    "Harvest": harvest,
    "pYIN": pitch_track,
}
CODECS = ("opus", "codec2-1200")


def changed(limit: int) -> list[dict[str, np.ndarray]]:
    """Each recording at 16 kHz, as it is, with noise at 20 dB, and through the codecs."""
    data = load_suite("baselines")[0].data
    rng = np.random.default_rng(0)
    rows = []
    for utterance in load_dataset(replace(data, limit=limit)):
        audio = read_utterance(utterance)
        clean = audio.at(RATE)
        noise = 0.1 * clean.std() * rng.standard_normal(len(clean))
        row = {"clean": clean, "noise at 20 dB": (clean + noise).astype(np.float32)}
        for name in CODECS:
            row[name] = fit(make_codec(name).code(audio).audio.at(RATE), len(clean))
        rows.append(row)
    return rows


def compare(reference: Track, found: Track) -> tuple[float, float] | None:
    """Mean squared error in Hz^2 and share of octave errors, where both are voiced."""
    both = (reference > 0) & (found > 0)
    if not both.any():
        return None
    octaves = np.abs(np.log2(found[both] / reference[both]))
    return float(((found - reference)[both] ** 2).mean()), float((octaves > 0.5).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=10)
    rows = changed(parser.parse_args().limit)
    seconds = sum(len(row["clean"]) for row in rows) / RATE
    kinds = [kind for kind in rows[0] if kind != "clean"]
    print("| tracker | " + " | ".join(kinds) + " | CPU s a second of audio |")
    print("|---" * (len(kinds) + 2) + "|")
    for name, track in TRACKERS.items():
        track(rows[0]["clean"])  # warm up
        start = time.process_time()
        references = [track(row["clean"]) for row in rows]
        cost = (time.process_time() - start) / seconds
        cells = []
        for kind in kinds:
            found = [compare(r, track(row[kind])) for r, row in zip(references, rows, strict=True)]
            errors = np.mean([pair for pair in found if pair is not None], axis=0)
            cells.append(f"{errors[0]:.3g}, {errors[1]:.1%}")
        print("| " + " | ".join([name, *cells, f"{cost:.3f}"]) + " |", flush=True)


if __name__ == "__main__":
    main()
