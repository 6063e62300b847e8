"""The search: against brute force, and what its topology promises."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from data_prep.alignment.classes import STATES, ClassMap
from data_prep.alignment.graph import MIN_SILENCE, best_path, build_graph, segments
from data_prep.alignment.transcript import Word
from secousti.errors import SecoustiError

CLASSES = ClassMap(("sil", "S", "AA", "M", "IY"))


def _scores(labels: list[int], seed: int = 0) -> np.ndarray:
    """Scores that favour the given states, a little noisy."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(-5, 0.3, (len(labels), CLASSES.num_states)).astype(np.float32)
    scores[np.arange(len(labels)), labels] = -0.1
    return scores


def _states(symbols: list[tuple[str, int]]) -> list[int]:
    """States of symbols that last so many frames, each cut in three."""
    out = []
    for symbol, frames in symbols:
        index = CLASSES.class_of(symbol)
        parts = 1 if symbol == "sil" else STATES
        out += [STATES * index + parts * frame // frames for frame in range(frames)]
    return out


def _found(words: list[Word], scores: np.ndarray) -> list[tuple[str, int, int]]:
    graph = build_graph(words, CLASSES)
    return [(s.symbol, s.start, s.end) for s in segments(graph, best_path(graph, scores)[0])]


def test_agrees_with_brute_force() -> None:
    words = [Word("a", (("S",), ("M", "AA1"))), Word("b", (("IY1",),))]
    graph = build_graph(words, CLASSES)
    rng = np.random.default_rng(3)
    frames = 9
    for _ in range(5):
        scores = rng.normal(size=(frames, CLASSES.num_states)).astype(np.float32)
        path, states = best_path(graph, scores)
        assert scores[np.arange(frames), states].sum() == pytest.approx(
            _brute_force(graph, scores), abs=1e-4
        )
        assert path[-1] in graph.ends


def _brute_force(graph, scores: np.ndarray) -> float:
    follow = {
        state: [state] + [s for s, before in enumerate(graph.predecessors) if state in before]
        for state in range(len(graph.emissions))
    }

    def best(state: int, frame: int) -> float:
        here = float(scores[frame, graph.emissions[state]])
        if frame == len(scores) - 1:
            return here if state in graph.ends else -np.inf
        return here + max(best(after, frame + 1) for after in follow[state])

    starts = [s for s, before in enumerate(graph.predecessors) if -1 in before]
    return max(best(state, 0) for state in starts)


@pytest.mark.parametrize("pause", [0, MIN_SILENCE, 20])
def test_finds_times_and_optional_silence(pause: int) -> None:
    said = [("sil", 10), ("S", 8), ("AA", 12), *([("sil", pause)] if pause else []), ("M", 9)]
    words = [Word("sa", (("S", "AA1"),)), Word("m", (("M",),))]
    found = _found(words, _scores(_states(said)))
    assert [f[0].rstrip("1") for f in found] == [symbol for symbol, _ in said]
    assert [end - start for _, start, end in found] == [frames for _, frames in said]


@pytest.mark.parametrize("spoken", [0, 1])
def test_chooses_the_pronunciation_that_was_said(spoken: int) -> None:
    word = Word("w", (("S", "AA0", "M"), ("S", "IY1", "M")))
    vowel = ("AA", "IY")[spoken]
    found = _found([word], _scores(_states([("S", 6), (vowel, 9), ("M", 7)])))
    assert found[1][0] == word.pronunciations[spoken][1]


def test_variants_that_differ_in_stress_only_are_one_branch() -> None:
    one = build_graph([Word("w", (("AA1", "M"),))], CLASSES)
    two = build_graph([Word("w", (("AA1", "M"), ("AA0", "M")))], CLASSES)
    assert one.emissions == two.emissions


def test_too_little_audio_and_unknown_phonemes_are_errors() -> None:
    words = [Word("w", (("S", "AA1", "M"),))]
    graph = build_graph(words, CLASSES)
    best_path(graph, _scores([0] * 9))
    with pytest.raises(SecoustiError, match="too short"):
        best_path(graph, _scores([0] * 8))
    with pytest.raises(SecoustiError, match="'zh'"):
        build_graph([Word("w", (("zh",),))], CLASSES)
    with pytest.raises(SecoustiError, match="no words"):
        build_graph([], CLASSES)


def test_every_frame_belongs_to_one_segment() -> None:
    words = [Word(str(i), (p,)) for i, p in enumerate(itertools.permutations(("S", "M", "IY1"), 2))]
    found = _found(words, np.random.default_rng(0).normal(size=(90, 15)).astype(np.float32))
    assert found[0][1] == 0
    assert found[-1][2] == 90
    assert all(a[2] == b[1] for a, b in itertools.pairwise(found))
