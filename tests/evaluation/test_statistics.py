"""Intervals and tests on data with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from secousti.evaluation.metrics import Score
from secousti.evaluation.statistics import compare, estimate, holm, permutation_test


def test_the_mean_is_weighted_as_wer_wants() -> None:
    found = estimate([Score(50, 2), Score(0, 8)], ["a", "b"])
    assert found.mean == pytest.approx(10.0)
    assert found.count == 2


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        scores = [Score(float(v)) for v in rng.normal(1.0, 1.0, 40)]
        found = estimate(scores, [str(k) for k in range(40)], draws=400)
        hits += found.low <= 1.0 <= found.high
    assert 0.87 <= hits / 200 <= 0.99


def test_utterances_of_one_speaker_count_as_one_draw() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(0, 1, 10)
    scores = [Score(float(means[k % 10] + 0.01 * rng.normal())) for k in range(200)]
    by_speaker = estimate(scores, [str(k % 10) for k in range(200)])
    alone = estimate(scores, [str(k) for k in range(200)])
    assert by_speaker.high - by_speaker.low > 2 * (alone.high - alone.low)


def test_nothing_scored_is_not_a_number() -> None:
    found = estimate([], [])
    assert np.isnan(found.mean)
    assert found.count == 0


def test_permutation_test_agrees_with_scipy() -> None:
    scipy = pytest.importorskip("scipy.stats")
    differences = np.random.default_rng(1).normal(0.3, 1, 20)
    exact = scipy.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20000
    ).pvalue
    assert permutation_test(differences) == pytest.approx(exact, abs=0.02)


def test_equal_codecs_do_not_differ_and_a_constant_gain_does() -> None:
    rng = np.random.default_rng(0)
    scores = [Score(float(v)) for v in rng.normal(size=30)]
    assert compare([(s, s) for s in scores]) == (0.0, 1.0)
    mean, p = compare([(Score(s.value + 0.1), s) for s in scores])
    assert mean == pytest.approx(0.1)
    assert p < 0.001


def test_holm_is_the_textbook_case() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
