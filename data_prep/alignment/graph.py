"""The hidden Markov model of one transcript, and its best path through the frames.

Words follow one another with an optional silence at either end and between any two; a word's
pronunciations are parallel branches; every phoneme passes through its three states, and a silence
lasts ``MIN_SILENCE`` frames or more (Viterbi search; Rabiner 1989, section III-B).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data_prep.alignment.classes import STATES, ClassMap
from data_prep.alignment.transcript import Word
from secousti.errors import SecoustiError
from secousti.text.inventory import SILENCE

MIN_SILENCE = 6  # frames of 5 ms
MAX_CELLS = 1 << 30  # frames x states of one utterance, a byte each


@dataclass(frozen=True)
class Segment:
    """Frames ``[start, end)`` of one phoneme; ``word`` is -1 for a silence."""

    start: int
    end: int
    symbol: str
    word: int


@dataclass
class Graph:
    """States in an order in which every arc but the self-loops goes forward."""

    emissions: list[int] = field(default_factory=list)  # class * STATES + part
    predecessors: list[list[int]] = field(default_factory=list)  # -1: may begin the utterance
    units: list[int] = field(default_factory=list)  # index into ``labels``
    labels: list[tuple[str, int]] = field(default_factory=list)  # symbol, word
    ends: list[int] = field(default_factory=list)

    def add(self, symbol: str, word: int, emissions: Sequence[int], before: list[int]) -> list[int]:
        """Append a chain of states after the states ``before``; gives its last state."""
        self.labels.append((symbol, word))
        for emission in emissions:
            self.emissions.append(emission)
            self.predecessors.append(list(before))
            self.units.append(len(self.labels) - 1)
            before = [len(self.emissions) - 1]
        return before


def build_graph(words: Sequence[Word], classes: ClassMap) -> Graph:
    """The graph of a transcript.

    Raises:
        SecoustiError: a phoneme that the model was not trained for, or no words.
    """
    if not all(all(word.pronunciations) and word.pronunciations for word in words) or not words:
        raise SecoustiError("the transcript has no words, or one without a sound")
    graph = Graph()
    before = _optional_silence(graph, [-1], classes)
    for index, word in enumerate(words):
        after = []
        for symbols in _distinct(word, classes):
            state = before
            for symbol in symbols:
                state = graph.add(symbol, index, _phone_states(symbol, classes), state)
            after += state
        before = _optional_silence(graph, after, classes)
    graph.ends = before
    return graph


def best_path(
    graph: Graph, scores: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Best state of every frame, int64 ``[T]``, and its column of ``scores`` ``[T, states]``.

    Raises:
        SecoustiError: fewer frames than states that must be passed, or too long an utterance.
    """
    frames, states = len(scores), len(graph.emissions)
    if frames * states > MAX_CELLS:
        raise SecoustiError("the utterance is too long to align at once; cut it into sentences")
    emission = np.asarray(graph.emissions)
    predecessors, start = _predecessor_table(graph)
    # A last column of -inf stands for "no such predecessor".
    total = np.full(states + 1, -np.inf, dtype=np.float32)
    total[:states][start] = scores[0][emission[start]]
    choices = np.zeros((frames, states), dtype=np.uint8)
    rows = np.arange(states)
    for frame in range(1, frames):
        candidates = total[predecessors]  # [states, fan-in]
        choice = candidates.argmax(axis=1)
        total[:states] = candidates[rows, choice] + scores[frame][emission]
        choices[frame] = choice
    path = _trace(graph, total, choices, predecessors)
    return path, emission[path]


def segments(graph: Graph, path: NDArray[np.int64]) -> list[Segment]:
    """The phonemes along a path."""
    units = np.asarray(graph.units)[path]
    starts = np.flatnonzero(np.diff(units, prepend=-1))
    ends = np.append(starts[1:], len(units))
    return [
        Segment(int(start), int(end), *graph.labels[units[start]])
        for start, end in zip(starts, ends, strict=True)
    ]


def _distinct(word: Word, classes: ClassMap) -> list[tuple[str, ...]]:
    """The pronunciations that differ in class, not in stress or tone alone."""
    first: dict[tuple[int | None, ...], tuple[str, ...]] = {}
    for symbols in word.pronunciations:
        first.setdefault(tuple(map(classes.class_of, symbols)), symbols)
    return list(first.values())


def _optional_silence(graph: Graph, before: list[int], classes: ClassMap) -> list[int]:
    silence = classes.class_of(SILENCE)
    assert silence is not None
    chain = [STATES * silence] * MIN_SILENCE
    return graph.add(SILENCE, -1, chain, before) + before


def _phone_states(symbol: str, classes: ClassMap) -> list[int]:
    index = classes.class_of(symbol)
    if index is None:
        raise SecoustiError(f"the aligner was not trained for the phoneme {symbol!r}")
    return [STATES * index + part for part in range(STATES)]


def _predecessor_table(graph: Graph) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """``[states, fan-in]`` with the state itself first, and which states may begin."""
    states = len(graph.emissions)
    width = 1 + max(len(before) for before in graph.predecessors)
    table = np.full((states, width), states, dtype=np.int64)
    start = np.zeros(states, dtype=bool)
    for state, before in enumerate(graph.predecessors):
        inner = [index for index in before if index >= 0]
        table[state, 0] = state
        table[state, 1 : 1 + len(inner)] = inner
        start[state] = len(inner) < len(before)
    return table, start


def _trace(
    graph: Graph,
    total: NDArray[np.float32],
    choices: NDArray[np.uint8],
    predecessors: NDArray[np.int64],
) -> NDArray[np.int64]:
    ends = [state for state in graph.ends if state >= 0]
    state = max(ends, key=lambda index: total[index])
    if not np.isfinite(total[state]):
        raise SecoustiError("it is too short for its transcript")
    path = np.empty(len(choices), dtype=np.int64)
    for frame in range(len(choices) - 1, -1, -1):
        path[frame] = state
        state = int(predecessors[state, choices[frame, state]])
    return path
