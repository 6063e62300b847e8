"""Means with intervals, and tests between codecs on the same utterances."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secousti.evaluation.metrics.base import Score

FEWEST_GROUPS = 8


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval.

    Attributes:
        mean: weighted mean over the utterances.
        low: lower end of the bootstrap interval.
        high: upper end.
        count: utterances that have a value.
    """

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Comparison:
    """A paired test of two codecs under one metric.

    Attributes:
        difference: mean of the first less mean of the second, over shared utterances.
        p_value: two-sided, of the sign-flip permutation test.
        p_corrected: the same after Holm's correction over all comparisons of the report.
        count: shared utterances.
    """

    difference: float
    p_value: float
    p_corrected: float
    count: int


def estimate(scores: list[Score], groups: list[str], draws: int = 2000, seed: int = 0) -> Estimate:
    """Weighted mean and percentile bootstrap interval (Efron 1979).

    Utterances of one speaker are not independent, so whole speakers (``groups``) are drawn with
    replacement where there are at least eight of them, and utterances otherwise.
    """
    if not scores:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    if len(set(groups)) < FEWEST_GROUPS:
        groups = [str(index) for index in range(len(scores))]
    names = {name: index for index, name in enumerate(dict.fromkeys(groups))}
    owner = np.array([names[group] for group in groups])
    weights = np.array([score.weight for score in scores])
    totals = np.array([score.value for score in scores]) * weights
    sums = np.bincount(owner, totals), np.bincount(owner, weights)  # [groups]
    rng = np.random.default_rng(seed)
    picks = rng.integers(len(names), size=(draws, len(names)))
    means = sums[0][picks].sum(axis=1) / sums[1][picks].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(totals.sum() / weights.sum()), float(low), float(high), len(scores))


def permutation_test(differences: NDArray[np.float64], draws: int = 10000, seed: int = 0) -> float:
    """Two-sided p of paired differences under random signs (Fisher 1935), never below 1/(n+1)."""
    observed = abs(differences.sum())
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(10):
        signs = rng.integers(0, 2, size=(draws // 10, len(differences))) * 2 - 1
        hits += int((np.abs(signs @ differences) >= observed - 1e-12).sum())
    return (hits + 1) / (draws + 1)


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down correction (1979): adjusted p values in the order given."""
    order = np.argsort(p_values)
    adjusted = np.zeros(len(p_values))
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, highest)
    return [float(value) for value in adjusted]


def compare(pairs: list[tuple[Score, Score]], seed: int = 0) -> tuple[float, float]:
    """Weighted mean difference and permutation p of scores of the same utterances."""
    weights = np.array([first.weight for first, _ in pairs])
    differences = np.array([first.value - second.value for first, second in pairs])
    mean = float((differences * weights).sum() / weights.sum())
    return mean, permutation_test(differences * weights, seed=seed)


def binomial_test(hits: int, trials: int, two_sided: bool = False) -> float:
    """Exact p of at least so many ``hits`` where half is expected; 1 without trials.

    ``two_sided``: of a count at least so far from half (the sign test).
    """
    if not trials:
        return 1.0
    extreme = max(hits, trials - hits) if two_sided else hits
    tail = sum(math.comb(trials, k) for k in range(extreme, trials + 1)) / 2**trials
    return min(1.0, 2 * tail) if two_sided else tail


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927); (0, 1) without trials."""
    if not trials:
        return 0.0, 1.0
    z = 1.959964
    share, scale = hits / trials, 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / scale
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2)) / scale
    return middle - half, middle + half


def equivalence_test(differences: NDArray[np.float64], margin: float) -> float:
    """Two one-sided paired t tests (Schuirmann 1987): p of a mean difference beyond ``margin``.

    Small p says that the mean lies within +-``margin``; 1 with fewer than two differences.
    """
    from scipy.stats import t

    count = len(differences)
    if count < 2:
        return 1.0
    mean, error = differences.mean(), differences.std(ddof=1) / math.sqrt(count)
    if error == 0:
        return float(abs(mean) >= margin)
    outside = [t.sf((mean + margin) / error, count - 1), t.cdf((mean - margin) / error, count - 1)]
    return float(max(outside))
