"""``secousti eval listening``: what webMUSHRA's service writes, as tables."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from secousti.cli.app import run
from secousti.evaluation.listening_results import (
    abx_table,
    mushra_table,
    preference_table,
    read_results,
    screened,
)
from secousti.evaluation.statistics import binomial_test, equivalence_test, wilson

BASE = {"reference": 98, "good": 80, "twin": 80.5, "bad": 40, "anchor35": 20}


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def mushra(path: Path, listeners: int = 9, trials: int = 6) -> Path:
    """The last listener does not hear the hidden reference; one score is no number."""
    rng = np.random.default_rng(0)
    rows = []
    for n in range(listeners):
        for trial in range(trials):
            for name, mean in BASE.items():
                deaf = n == listeners - 1 and name == "reference"
                score = 30 if deaf else np.clip(mean + rng.normal(0, 0.5), 0, 100)
                row = {"session_test_id": "t", "name": f"p{n}", "age": 30, "trial_id": f"u{trial}"}
                row |= {"rating_stimulus": name, "rating_score": score, "rating_time": 1}
                rows.append(row | {"rating_comment": ""})
    rows.append(rows[0] | {"rating_score": "loud"})
    return write_rows(path, rows)


def choices(path: Path) -> Path:
    answers = {"good": ["correct"] * 11 + ["incorrect"] * 9 + ["undecided"] * 4}
    answers |= {"bad": ["correct"] * 19 + ["incorrect"] + ["unknown"]}
    return write_rows(
        path,
        [
            {
                "session_test_id": "t",
                "trial_id": f"u{n}",
                "choice_reference": "reference",
                "choice_non_reference": name,
                "choice_answer": answer,
                "choice_time": 1,
                "choice_comment": "",
            }
            for name, own in answers.items()
            for n, answer in enumerate(own)
        ],
    )


def test_points_have_intervals_and_a_listener_without_ears_is_left_out(tmp_path):
    results = read_results([mushra(tmp_path / "mushra.csv")])
    assert len(results.faults) == 1
    assert "'loud' is not 0 to 100" in results.faults[0]
    kept, deaf = screened(results.ratings)
    assert deaf == ["t/p8/30"]
    rows = {row[0]: row for row in mushra_table(kept).rows}
    assert list(rows) == ["reference", "twin", "good", "bad", "anchor35"]
    assert rows["bad"][2:] == ["48", "8"]
    assert rows["bad"][1].startswith("39.9 [")


def test_pairs_are_told_apart_or_found_alike(tmp_path):
    kept, _ = screened(read_results([mushra(tmp_path / "mushra.csv")]).ratings)
    rows = {(row[0], row[1]): row for row in preference_table(kept, 5.0).rows}
    assert set(rows) == {("bad", "good"), ("bad", "twin"), ("good", "twin")}
    assert rows["bad", "good"][3] == "0 / 0 / 8"  # of listeners, who are eight
    assert float(rows["bad", "good"][4]) == pytest.approx(2 / 2**8 * 3, rel=0.01)  # Holm
    assert float(rows["bad", "good"][5]) > 0.99
    assert float(rows["good", "twin"][5]) < 0.01


def test_answers_are_compared_with_guessing(tmp_path):
    rows = {
        row[0]: row for row in abx_table(read_results([choices(tmp_path / "c.csv")]).choices).rows
    }
    assert rows["good"][2:4] == ["11 of 20", "4"]
    assert float(rows["good"][4]) == pytest.approx(0.412, abs=1e-3)
    assert rows["bad"][2:4] == ["19 of 20", "0"]
    assert float(rows["bad"][4]) == pytest.approx(21 / 2**20, rel=1e-2)


def test_tests_agree_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    for hits, trials in ((0, 5), (3, 10), (9, 10), (40, 64)):
        one = stats.binomtest(hits, trials, alternative="greater")
        assert binomial_test(hits, trials) == pytest.approx(one.pvalue)
        two = stats.binomtest(hits, trials)
        assert binomial_test(hits, trials, two_sided=True) == pytest.approx(two.pvalue)
        known = one.proportion_ci(method="wilson")
        assert wilson(hits, trials)[0] >= 0
        assert wilson(hits, trials)[1] <= 1
        assert known.low <= hits / trials <= known.high
    apart = np.array([1.0, 2.0, 0.5, -0.5, 1.5])
    low = stats.ttest_1samp(apart, -3, alternative="greater").pvalue
    high = stats.ttest_1samp(apart, 3, alternative="less").pvalue
    assert equivalence_test(apart, 3.0) == pytest.approx(max(low, high))


def test_the_command_prints_writes_and_refuses(tmp_path, capsys):
    files = [mushra(tmp_path / "mushra.csv"), choices(tmp_path / "paired_comparison.csv")]
    run_command("eval", "listening", *files, "-o", tmp_path / "out")
    assert "t/p8/30" in capsys.readouterr().out
    text = (tmp_path / "out" / "listening.md").read_text()
    assert all(f"## {title}" in text for title in ("MUSHRA", "Preferences", "ABX"))
    other = write_rows(tmp_path / "other.csv", [{"a": 1}])
    run_command("eval", "listening", other, code=1)
    assert "neither a mushra.csv nor a paired_comparison.csv" in capsys.readouterr().err
    run_command("eval", "table1", files[0], code=1)
    assert "results follow listening" in capsys.readouterr().err


def run_command(*arguments: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as end:
        run([str(argument) for argument in arguments])
    assert (end.value.code or 0) == code
