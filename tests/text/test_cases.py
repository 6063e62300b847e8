"""The tables of hard cases: what a sentence sounds like, in each language."""

from __future__ import annotations

import pytest

from secousti.text.phonemizer import Phonemizer
from tests.text.cases import Case, cases, is_right

ENGLISH, MANDARIN = cases("en"), cases("zh")
GOAL = {"en": 0.97, "zh": 0.95}  # of the lines that only measure


@pytest.fixture(scope="module")
def phonemizer() -> Phonemizer:
    pytest.importorskip("num2words")
    pytest.importorskip("pypinyin")
    pytest.importorskip("jieba")
    return Phonemizer(network=False)


def _tuned(table: list[Case]) -> list[Case]:
    return [case for case in table if not case.held]


def _read_right(phonemizer: Phonemizer, case: Case, language: str) -> bool:
    said = "en" if language == "en" else case.language
    result = phonemizer(case.text, said)
    spoken = {word.language for word in result.words}
    return is_right(case, result, language) and (language == "zh" or spoken == {"en"})


@pytest.mark.parametrize("table", [ENGLISH, MANDARIN])
def test_each_table_has_250_cases_none_twice_and_a_third_only_measures(table: list[Case]) -> None:
    assert len({case.text for case in table}) == len(table) >= 250
    assert sum(case.held for case in table) >= len(table) / 3


@pytest.mark.parametrize("case", _tuned(ENGLISH), ids=lambda case: case.text)
def test_english(phonemizer: Phonemizer, case: Case) -> None:
    assert _read_right(phonemizer, case, "en"), phonemizer(case.text, "en")


@pytest.mark.parametrize("case", _tuned(MANDARIN), ids=lambda case: case.text)
def test_mandarin(phonemizer: Phonemizer, case: Case) -> None:
    assert _read_right(phonemizer, case, "zh"), phonemizer(case.text, case.language)


@pytest.mark.parametrize(("language", "table"), [("en", ENGLISH), ("zh", MANDARIN)])
def test_the_lines_that_only_measure(
    phonemizer: Phonemizer, language: str, table: list[Case]
) -> None:
    held = [case for case in table if case.held]
    right = [_read_right(phonemizer, case, language) for case in held]
    assert sum(right) / len(held) >= GOAL[language]
