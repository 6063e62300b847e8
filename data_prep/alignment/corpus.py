"""The training corpus of an aligner: features of every utterance, kept in memory in half floats.

Forty numbers every 5 ms are 58 MB an hour; a few hours are enough for an aligner, so a large
corpus is sampled down to ``max_hours``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from data_prep.alignment.base import Utterance
from data_prep.alignment.classes import ClassMap
from data_prep.alignment.features import log_mel, normalise
from data_prep.alignment.transcript import Word
from data_prep.manifest import Interval, Row
from secousti.errors import SecoustiError

MAX_SECONDS = 30.0  # longer utterances are left out


@dataclass
class Example:
    """One utterance: normalised features, float16 ``[T, N_MELS]`` every 5 ms, and its words."""

    name: str
    features: Tensor
    words: list[Word]
    times: list[Interval] | None = None  # seconds, where the corpus brought them

    def tokens(self, classes: ClassMap) -> list[int]:
        """Class ids of the first pronunciation of every word."""
        ids = [classes.class_of(s) for word in self.words for s in word.pronunciations[0]]
        return [index for index in ids if index is not None]


def load_corpus(
    rows: Iterable[Row],
    root: Path,
    classes: ClassMap,
    *,
    max_hours: float,
    seed: int,
    on_fault: Callable[[str, str], None],
    advance: Callable[[], object] = lambda: None,
) -> list[Example]:
    """Features of a random ``max_hours`` of the rows that have a transcript.

    ``on_fault`` gets the audio path of and the reason for every row that cannot be used.

    Raises:
        SecoustiError: no row can be used.
    """
    rows = [row for row in rows if row.pronunciation or row.text]
    random.Random(seed).shuffle(rows)
    examples, seconds = [], 0.0
    for row in rows:
        advance()
        if seconds >= 3600 * max_hours:
            break
        try:
            examples.append(_example(row, root, classes))
            seconds += row.duration
        except SecoustiError as error:
            on_fault(row.audio, str(error))
    if not examples:
        raise SecoustiError("no row of the manifest has both readable audio and a transcript")
    return examples


def _example(row: Row, root: Path, classes: ClassMap) -> Example:
    if row.duration > MAX_SECONDS:
        raise SecoustiError(f"it is longer than {MAX_SECONDS:g} s")
    utterance = Utterance(row, root)
    words = list(utterance.words)
    symbols = [s for word in words for sequence in word.pronunciations for s in sequence]
    if unknown := sorted({s for s in symbols if classes.class_of(s) is None}):
        raise SecoustiError(f"the aligner has no class for the phoneme {unknown[0]!r}")
    features = normalise(log_mel(utterance.audio)).half()
    shortest = sum(min(map(len, word.pronunciations)) for word in words)
    if len(features) < 4 * shortest:
        raise SecoustiError("it is too short for its transcript")
    return Example(row.audio, features, words, row.phones)
