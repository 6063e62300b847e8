"""How far aligners are from where people put word boundaries in real English speech.

    python -m benchmarks.alignment_labelled FOLDER [--sources builtin,pocketsphinx,combined]

FOLDER holds recordings with TextGrids (``x.wav`` with ``x.TextGrid`` or ``x_words.TextGrid``) whose
tier ``word`` or ``words`` was labelled by hand. A recording is cut at pauses longer than 0.15 s;
0.12 s of silence stay around each phrase. docs/alignment.md names where some can be had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from torch import Tensor

from benchmarks.alignment import _figures, _table
from data_prep.alignment.base import Aligner, Utterance
from data_prep.alignment.sources import open_source
from data_prep.alignment.textgrid import read_textgrid
from data_prep.manifest import Interval
from secousti.audio.io import load_audio
from secousti.errors import SecoustiError
from secousti.text.inventory import SILENCE, canonical

PAUSE, AROUND = 0.15, 0.12  # seconds
app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Phrase:
    """A stretch between two pauses: audio [N] and its words, in seconds from its start."""

    audio: Tensor
    rate: int
    words: list[Interval]

    @property
    def text(self) -> str:
        return " ".join(word[2].strip() for word in self.words)


@app.command()
def main(
    folder: Path,
    sources: Annotated[str, typer.Option(help="comma-separated")] = "builtin,pocketsphinx,combined",
) -> None:
    """Word-boundary errors of every source on the same phrases."""
    phrases = [phrase for grid in sorted(folder.rglob("*.TextGrid")) for phrase in read(grid)]
    if not phrases:
        raise SystemExit(f"error: {folder} holds no TextGrid with a tier of words")
    table = _table(f"{len(phrases)} phrases labelled by hand, ms", "source")
    for name in sources.split(","):
        found = [errors(open_source(name), phrase) for phrase in phrases]
        done = [e for e in found if e is not None]
        failed = len(found) - len(done)
        table.add_row(name + (f" ({failed} failed)" if failed else ""), *_figures(done))
    Console(width=120).print(table)


def read(grid: Path) -> Iterator[Phrase]:
    """The phrases of a recording."""
    tiers = {tier.name: tier.intervals for tier in read_textgrid(grid)}
    intervals = tiers.get("words", tiers.get("word"))
    stem = grid.stem.removesuffix("_words")
    path = next((grid.with_name(stem + end) for end in (".wav", ".flac")), grid)
    if intervals is None or not path.is_file():
        return
    audio, rate = load_audio(path)
    groups = list(_between_pauses(intervals))
    ends = [0.0, *(group[-1][1] for group in groups)]
    starts = [*(group[0][0] for group in groups), len(audio) / rate]
    for number, group in enumerate(groups):
        first = max(group[0][0] - AROUND, ends[number])
        last = min(group[-1][1] + AROUND, starts[number + 1])
        words = [(a - first, b - first, label) for a, b, label in group]
        yield Phrase(audio[round(first * rate) : round(last * rate)], rate, words)


def _between_pauses(intervals: Sequence[Interval]) -> Iterator[list[Interval]]:
    group: list[Interval] = []
    for start, end, label in intervals:
        if label.strip() and canonical(label.strip()) != SILENCE:
            group.append((start, end, label))
        elif group and end - start > PAUSE:
            yield group
            group = []
    if group:
        yield group


def errors(aligner: Aligner, phrase: Phrase) -> np.ndarray | None:
    """Found minus labelled start and end of every word, in ms; None where alignment failed."""
    try:
        found = aligner.align(Utterance.of(phrase.audio, phrase.rate, phrase.text))
    except SecoustiError:
        return None
    if len(found.words) != len(phrase.words):
        return None
    places = [np.array([word[:2] for word in words]) for words in (found.words, phrase.words)]
    return (places[0] - places[1]).ravel() * 1000


if __name__ == "__main__":
    app()
