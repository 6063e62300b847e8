"""What listeners said: the CSV files that webMUSHRA's service writes, read and tested.

``mushra.csv`` has a rating a line, ``paired_comparison.csv`` an answer to "which of A and B is the
reference?". Columns between ``session_test_id`` and ``trial_id`` are what the test asked of its
participants; together they name a listener.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError, require
from secousti.evaluation.metrics.base import Score
from secousti.evaluation.report.table import Table, interval
from secousti.evaluation.statistics import (
    FEWEST_GROUPS,
    binomial_test,
    equivalence_test,
    estimate,
    holm,
    wilson,
)

REFERENCE, ANCHOR = "reference", "anchor"
_RATING = ("rating_stimulus", "rating_score")
_CHOICE = ("choice_reference", "choice_non_reference", "choice_answer")
_ANSWERS = ("correct", "incorrect", "undecided", "unknown")
_HEARD, _MISSED = 90.0, 0.15  # ITU-R BS.1534-3, post-screening


@dataclass(frozen=True)
class Rating:
    """0 to 100 points that a listener gave one condition of a trial."""

    listener: str
    trial: str
    condition: str
    points: float


@dataclass(frozen=True)
class Choice:
    """Whether a listener told a condition from the reference; ``None``: undecided."""

    listener: str
    condition: str
    correct: bool | None


@dataclass
class Results:
    """What the files hold; ``faults`` are lines that were left out, with the reason."""

    ratings: list[Rating] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_results(paths: Sequence[Path]) -> Results:
    """The ratings and answers of CSV files.

    Raises:
        SecoustiError: a file that cannot be read, or is neither kind; no usable line.
    """
    results = Results()
    for path in paths:
        _read(path, results)
    if not results.ratings and not results.choices:
        first = f"; {results.faults[0]}" if results.faults else ""
        raise SecoustiError(f"{', '.join(map(str, paths))}: no rating and no answer{first}")
    return results


def _read(path: Path, results: Results) -> None:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            names = tuple(rows.fieldnames or ())
            rated, chosen = (set(kind) <= set(names) for kind in (_RATING, _CHOICE))
            if "trial_id" not in names or not (rated or chosen):
                raise SecoustiError(
                    f"{path} is neither a mushra.csv nor a paired_comparison.csv of webMUSHRA: it "
                    f"needs trial_id with {', '.join(_RATING)} or {', '.join(_CHOICE)}"
                )
            asked = names[: names.index("trial_id")]
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                if None in row or None in row.values():
                    results.faults.append(f"{where}: not {len(names)} columns")
                elif rated:
                    _add_rating(row, asked, where, results)
                else:
                    _add_choice(row, asked, where, results)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SecoustiError(f"{path} cannot be read: {error}") from None


def _add_rating(row: dict[str, str], asked: Sequence[str], where: str, results: Results) -> None:
    try:
        points = float(row["rating_score"])
    except ValueError:
        points = float("nan")
    if not 0 <= points <= 100:
        results.faults.append(f"{where}: rating_score {row['rating_score']!r} is not 0 to 100")
        return
    listener = "/".join(row[name] for name in asked)
    results.ratings.append(Rating(listener, row["trial_id"], row["rating_stimulus"], points))


def _add_choice(row: dict[str, str], asked: Sequence[str], where: str, results: Results) -> None:
    answer = row["choice_answer"].strip().lower()
    if answer not in _ANSWERS:
        results.faults.append(f"{where}: choice_answer {answer!r} is none of {', '.join(_ANSWERS)}")
        return
    if answer == "unknown":
        return
    told = None if answer == "undecided" else answer == "correct"
    listener = "/".join(row[name] for name in asked)
    results.choices.append(Choice(listener, row["choice_non_reference"], told))


def screened(ratings: Sequence[Rating]) -> tuple[list[Rating], list[str]]:
    """Ratings of the listeners who hear the hidden reference, and who the others are.

    Left out is who rates it below 90 in more than 15 % of the trials (BS.1534-3, post-screening).
    """
    hidden: dict[str, list[float]] = defaultdict(list)
    for rating in ratings:
        if rating.condition == REFERENCE:
            hidden[rating.listener].append(rating.points)
    out = [who for who, points in hidden.items() if _misses(points)]
    return [rating for rating in ratings if rating.listener not in out], out


def _misses(points: list[float]) -> bool:
    return sum(value < _HEARD for value in points) > _MISSED * len(points)


def mushra_table(ratings: Sequence[Rating]) -> Table:
    """Mean points of each condition; intervals are over listeners where eight are there."""
    by_condition: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        by_condition[rating.condition].append(rating)
    found = {
        name: estimate([Score(r.points) for r in own], [r.listener for r in own])
        for name, own in by_condition.items()
    }
    order = sorted(found, key=lambda name: -found[name].mean)
    rows = [
        [name, interval(found[name]), str(found[name].count), str(len(_who(by_condition[name])))]
        for name in order
    ]
    headings = ["condition", "points, mean and 95 % interval", "ratings", "listeners"]
    return Table("MUSHRA", headings, rows, [False] * len(rows))


def preference_table(ratings: Sequence[Rating], margin: float) -> Table:
    """Pairs of codecs that were rated on the same pages: a sign test, and one of equivalence.

    Both are over listeners' mean differences if eight are there, else over single pages.

    Args:
        margin: points within which two codecs count as alike.
    """
    require("scipy", "eval")
    names = sorted({r.condition for r in ratings if not _is_control(r.condition)})
    pairs = {pair: _differences(ratings, *pair) for pair in combinations(names, 2)}
    tested = {pair: found for pair, found in pairs.items() if len(found)}
    signs = [binomial_test(*_signs(found), two_sided=True) for found in tested.values()]
    rows = [
        [first, second, f"{found.mean():+.1f}", _counts(found), f"{p:.3g}", _alike(found, margin)]
        for ((first, second), found), p in zip(tested.items(), holm(signs), strict=True)
    ]
    headings = ["codec", "against", "points apart", "better / alike / worse"]
    headings += ["p of the sign test (Holm)", f"p of a difference beyond {margin:g} points"]
    return Table("Preferences", headings, rows, [False] * len(rows))


def abx_table(choices: Sequence[Choice]) -> Table:
    """How often each condition was told from the reference, against guessing."""
    rows = []
    for name in sorted({choice.condition for choice in choices}):
        counts = Counter(choice.correct for choice in choices if choice.condition == name)
        hits, decided = counts[True], counts[True] + counts[False]
        low, high = wilson(hits, decided)
        share = f"{100 * hits / decided:.1f} [{100 * low:.1f}, {100 * high:.1f}]" if decided else ""
        p = f"{binomial_test(hits, decided):.3g}"
        rows.append([name, share, f"{hits} of {decided}", str(counts[None]), p])
    headings = ["condition", "told from the reference, % and 95 % interval", "answers"]
    headings += ["undecided", "p of guessing (binomial)"]
    return Table("ABX", headings, rows, [False] * len(rows))


def _differences(ratings: Sequence[Rating], first: str, second: str) -> NDArray[np.float64]:
    """First less second: of each listener, or of each page where fewer than eight listened."""
    points: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for r in ratings:
        points[r.listener, r.trial][r.condition] = r.points
    by_listener: dict[str, list[float]] = defaultdict(list)
    for (listener, _), given in points.items():
        if first in given and second in given:
            by_listener[listener].append(given[first] - given[second])
    if len(by_listener) >= FEWEST_GROUPS:
        return np.array([np.mean(own) for own in by_listener.values()])
    return np.array([value for own in by_listener.values() for value in own])


def _signs(differences: NDArray[np.float64]) -> tuple[int, int]:
    """Better, and all that are not alike."""
    return int((differences > 0).sum()), int((differences != 0).sum())


def _counts(differences: NDArray[np.float64]) -> str:
    better, decided = _signs(differences)
    return f"{better} / {len(differences) - decided} / {decided - better}"


def _alike(differences: NDArray[np.float64], margin: float) -> str:
    return f"{equivalence_test(differences, margin):.3g}"


def _is_control(condition: str) -> bool:
    return condition == REFERENCE or condition.startswith(ANCHOR)


def _who(ratings: Sequence[Rating]) -> set[str]:
    return {rating.listener for rating in ratings}
