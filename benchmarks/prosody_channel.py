"""What a coarse channel of pitch would carry: contours relative to their median, and their bits.

    python -m benchmarks.prosody_channel speech/unseen.jsonl --limit 32

log2 of F0 (pYIN, every 10 ms) less the recording's median, the mean of its voiced frames in every
interval, rounded to a number of steps between -1 and 1 octave, and again a contour by linear
interpolation. How far that is from the contour itself, in semitones and as the share of its
variance that is kept, and how many bits a second the steps take: as they are, and coded given the
one before (entropy of the pairs of the same recordings, so a lower bound). Needs the extra [eval].
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import markdown
from secousti.evaluation.audio import read_audio
from secousti.evaluation.cache import Cache
from secousti.evaluation.conversion_probe import median_octave, track_of
from secousti.evaluation.datasets import DataConfig, load_dataset

FRAMES = 100  # a second
RATES = (2.7, 5.4, 10.8)  # a value every 8, 4 and 2 tokens of 21.5 a second
STEPS = (4, 8, 16)
Contour = NDArray[np.float64]


def relative(track: Contour) -> Contour:
    """Octaves above the recording's median; NaN where unvoiced."""
    with np.errstate(divide="ignore"):
        return np.where(track > 0, np.log2(track), np.nan) - median_octave(track)


def symbols(contour: Contour, rate: float, steps: int) -> NDArray[np.int64]:
    """The step of each interval; one without voice keeps the step before."""
    edges = np.arange(0, len(contour), FRAMES / rate).round().astype(int)
    told, last = [], 0.0
    for part in np.split(contour, edges[1:]):
        last = float(np.nanmean(part)) if np.isfinite(part).any() else last
        told.append(last)
    return np.clip(np.round((np.array(told) + 1) / 2 * (steps - 1)), 0, steps - 1).astype(np.int64)


def restored(told: NDArray[np.int64], rate: float, steps: int, length: int) -> Contour:
    """The contour that ``symbols`` tell."""
    centres = (np.arange(len(told)) + 0.5) * FRAMES / rate
    return np.interp(np.arange(length), centres, told * 2 / (steps - 1) - 1)


def bits_given_the_one_before(rows: list[NDArray[np.int64]]) -> float:
    """Of a symbol."""
    pairs = Counter((int(a), int(b)) for row in rows for a, b in pairwise(row))
    firsts: Counter[int] = Counter()
    for (a, _), n in pairs.items():
        firsts[a] += n
    total = sum(pairs.values())
    return -sum(n / total * np.log2(n / firsts[a]) for (a, _), n in pairs.items())


def row(contours: list[Contour], rate: float, steps: int) -> list[str]:
    told = [symbols(contour, rate, steps) for contour in contours]
    pairs = zip(contours, told, strict=True)
    errors = np.concatenate([c - restored(t, rate, steps, len(c)) for c, t in pairs])
    everything = np.concatenate(contours)
    kept = 1 - np.nanmean(errors**2) / np.nanmean(everything**2)
    plain, coded = rate * np.log2(steps), rate * bits_given_the_one_before(told)
    error = 12 * np.sqrt(np.nanmean(errors**2))
    return [f"{rate:g}", f"{steps}", f"{plain:.0f}", f"{coded:.1f}", f"{error:.2f}", f"{kept:.0%}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--cache", default="cache/eval", help="where pitch is remembered")
    arguments = parser.parse_args()
    cache = Cache(Path(arguments.cache))
    data = load_dataset(DataConfig(arguments.manifest, limit=arguments.limit, spread="corpus"))
    contours = [relative(track_of(read_audio(u.path), cache)) for u in data]
    contours = [contour for contour in contours if np.isfinite(contour).any()]
    rows = [row(contours, rate, steps) for rate in RATES for steps in STEPS]
    spread = 12 * np.sqrt(np.nanmean(np.concatenate(contours) ** 2))
    print(f"{len(contours)} recordings, {spread:.2f} semitones around their medians\n")
    columns = ["values a second", "steps", "bit/s", "coded", "error, semitones", "variance kept"]
    print(markdown(columns, rows))


if __name__ == "__main__":
    main()
