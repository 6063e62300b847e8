"""How far aligners are from the seams of real recordings of single words, joined.

    python -m benchmarks.alignment_joined MANIFEST [--corpus audiocmn] [--sentences 60] [--below 35]

Nobody labelled Mandarin by hand where we could get it, but a recording of one word has ends that
anybody can hear: where its level comes within so many dB of its loudest 10 ms. Four of one speaker,
cut there and put together without a gap, are a sentence whose word boundaries are known. Nobody
speaks so (no word runs into the next), and what is known is where sounds begin, not what each of
them is.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from torch import Tensor, cat, nn, zeros

from benchmarks.alignment import _figures, _table
from data_prep.alignment.base import SAMPLE_RATE, Utterance, Word
from data_prep.alignment.sources import open_source
from data_prep.manifest import read_manifest
from secousti.errors import SecoustiError

AROUND, WORDS = 0.2, 4  # seconds, words a sentence
app = typer.Typer(add_completion=False)


@app.command()
def main(
    manifest: Path,
    corpus: Annotated[str, typer.Option(help="of the manifest's rows")] = "audiocmn",
    sentences: Annotated[int, typer.Option()] = 60,
    below: Annotated[float, typer.Option(help="dB")] = 35.0,
    source: Annotated[str, typer.Option()] = "builtin",
) -> None:
    """Errors at the seams, and at both ends."""
    aligner, rng, errors, failed = open_source(source), random.Random(0), [], 0
    by_speaker = defaultdict(list)
    for row in read_manifest(manifest):
        if row.corpus == corpus and (row.pronunciation or row.text):
            by_speaker[row.speaker].append(row)
    for number in range(sentences):
        rows = rng.sample(by_speaker[sorted(by_speaker)[number % len(by_speaker)]], WORDS)
        parts = [Utterance(row, manifest.resolve().parent) for row in rows]
        words: list[Word] = []
        audio, places, firsts = zeros(int(AROUND * SAMPLE_RATE)), [], [0]
        for part in parts:
            start = len(audio) / SAMPLE_RATE
            audio = cat([audio, sounding(part.audio, below)])
            places.append((start, len(audio) / SAMPLE_RATE))
            words += part.words
            firsts.append(len(words))
        audio = nn.functional.pad(audio, (0, int(AROUND * SAMPLE_RATE)))
        joined = Utterance(rows[0], given_audio=audio, given_words=words)
        try:
            found = aligner.align(joined).words
        except SecoustiError:
            failed += 1
            continue
        ours = np.array([(found[a][0], found[b - 1][1]) for a, b in itertools.pairwise(firsts)])
        errors.append((ours - np.array(places)) * 1000)
    table = _table(
        f"{len(errors)} sentences of {WORDS} joined words ({failed} failed), ms", "source"
    )
    for which, name in enumerate(("starts", "ends")):
        table.add_row(f"{source}, {name}", *_figures([e[:, which] for e in errors]))
    Console(width=120).print(table)


def sounding(audio: Tensor, below: float) -> Tensor:
    """From the first to the last 10 ms that are loud enough."""
    size = SAMPLE_RATE // 100
    blocks = audio[: len(audio) // size * size].view(-1, size).square().mean(1)
    loud = (blocks > blocks.max() * 10 ** (-below / 10)).nonzero().flatten()
    return audio[int(loud[0]) * size : (int(loud[-1]) + 1) * size]


if __name__ == "__main__":
    app()
