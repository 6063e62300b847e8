"""Where aligners and the level of a recording disagree: on real speech that nobody labelled.

    python -m benchmarks.alignment_envelope MANIFEST [--language zh] [--sources builtin]

The level of a recording (RMS of 20 ms every 5 ms) tells without any phoneme where speech begins,
where it ends, and where it pauses: where the level stays above or below a place between the noise
(10th percentile of the dB) and the loudest speech (95th). That is coarse: a soft consonant lies
below it, a fading vowel and a breath around it. It is no measure of word boundaries inside speech.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor

from benchmarks.alignment import _figures, _table
from data_prep.alignment.base import SAMPLE_RATE, Aligner, Alignment, Utterance
from data_prep.alignment.sources import open_source
from data_prep.manifest import Interval, Row, read_manifest
from secousti.errors import SecoustiError
from secousti.text.inventory import SILENCE

HOP, WINDOW = SAMPLE_RATE // 200, SAMPLE_RATE // 50  # samples: 5 and 20 ms
FIRM = 12  # frames, of which so and so many must agree where speech begins or ends
SHARE = 0.75
PAUSE = 0.2  # seconds; shorter silences are closures of stops
app = typer.Typer(add_completion=False)

Spans = list[tuple[float, float]]


@app.command()
def main(
    manifest: Path,
    language: Annotated[str, typer.Option(help="of the rows")] = "zh",
    corpus: Annotated[str, typer.Option(help="of the rows; any if empty")] = "",
    sources: Annotated[str, typer.Option(help="comma-separated")] = "builtin",
    limit: Annotated[int, typer.Option(help="rows, spread over the manifest")] = 80,
    place: Annotated[float, typer.Option(help="0: the noise, 1: the loudest speech")] = 0.35,
) -> None:
    """First onset, last end and pauses of each source against the level."""
    rows = [
        row
        for row in read_manifest(manifest)
        if row.language == language
        and corpus in ("", row.corpus)
        and (row.text or row.pronunciation)
    ]
    rows = rows[:: max(len(rows) // limit, 1)][:limit]
    for name in sources.split(","):
        found = list(_compared(open_source(name), rows, manifest.resolve().parent, place))
        table = _table(f"{name}: {len(found)} of {len(rows)} recordings, ms", "place")
        for which, what in enumerate(("first onset", "last end")):
            table.add_row(what, *_figures([ends[which : which + 1] for ends, *_ in found]))
        Console(width=120).print(table)
        heard, shared = (sum(counts[n] for _, counts in found) for n in (0, 1))
        ours, quiet = (sum(counts[n] for _, counts in found) for n in (2, 3))
        print(f"pauses in the level found as silence: {shared} of {heard}")
        print(f"silences found that lie in pauses of the level: {quiet} of {ours}")


def _compared(
    aligner: Aligner, rows: list[Row], root: Path, place: float
) -> Iterator[tuple[NDArray[np.float64], tuple[int, int, int, int]]]:
    """Found minus the level's onset and end in ms, and counts of pauses."""
    for row in rows:
        utterance = Utterance(row, root)
        loud = sounding(utterance.audio, place)
        try:
            found = aligner.align(utterance)
        except SecoustiError:
            continue
        if not loud.any() or not found.words:
            continue
        first, last = _ends(loud)
        ends = np.array([found.words[0][0] - first, found.words[-1][1] - last]) * 1000
        yield ends, _pauses(_quiet(loud, first, last), _silences(found, first, last))


def sounding(audio: Tensor, place: float) -> NDArray[np.bool_]:
    """Whether each 5 ms of audio [N] at 16 kHz is above the place between noise and speech."""
    frames = audio.unfold(0, WINDOW, HOP) if len(audio) >= WINDOW else audio[None]
    level = 10 * np.log10(frames.square().mean(1).numpy() + 1e-10)
    noise, speech = np.percentile(level, [10, 95])
    above: NDArray[np.bool_] = level > noise + place * (speech - noise)
    return above


def _ends(loud: NDArray[np.bool_]) -> tuple[float, float]:
    """Seconds where it firmly begins and ends to be loud."""
    kernel = np.ones(FIRM) / FIRM
    ahead = np.convolve(loud, kernel, "full")[FIRM - 1 :]  # of a frame and those after it
    behind = np.convolve(loud, kernel, "full")[: len(loud)]
    first = np.flatnonzero(loud & (ahead >= SHARE))
    last = np.flatnonzero(loud & (behind >= SHARE))
    if not len(first) or not len(last):
        first = last = np.flatnonzero(loud)
    middle = WINDOW / 2 / SAMPLE_RATE
    step = HOP / SAMPLE_RATE
    return float(first[0] * step + middle), float(last[-1] * step + middle)


def _quiet(loud: NDArray[np.bool_], first: float, last: float) -> Spans:
    """Pauses of the level between its ends."""
    step, spans, start = HOP / SAMPLE_RATE, [], None
    for n, on in enumerate([*loud, True]):
        if not on and start is None:
            start = n
        elif on and start is not None:
            spans.append((start * step, n * step))
            start = None
    return _inner(spans, first, last)


def _silences(found: Alignment, first: float, last: float) -> Spans:
    silent: list[Interval] = [phone for phone in found.phones if phone[2] == SILENCE]
    return _inner([(start, end) for start, end, _ in silent], first, last)


def _inner(spans: Spans, first: float, last: float) -> Spans:
    return [(a, b) for a, b in spans if b - a >= PAUSE and a > first and b < last]


def _pauses(heard: Spans, ours: Spans) -> tuple[int, int, int, int]:
    """How many of the level, how many of them are ours, and the other way round."""
    return len(heard), _covered(heard, ours), len(ours), _covered(ours, heard)


def _covered(spans: Spans, by: Spans) -> int:
    """Of ``spans`` those of which half or more lies in one of the others."""
    return sum(any(min(b, d) - max(a, c) >= (b - a) / 2 for c, d in by) for a, b in spans)


if __name__ == "__main__":
    app()
