"""The tables of hard cases: what a sentence sounds like, in each language."""

from __future__ import annotations

from pathlib import Path

import pytest

from secousti.text.mandarin.syllables import split_syllable
from secousti.text.phonemizer import Phonemizer

HERE = Path(__file__).parent


def cases(name: str) -> list[list[str]]:
    lines = (HERE / name).read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


ENGLISH, MANDARIN = cases("cases_en.tsv"), cases("cases_zh.tsv")


@pytest.fixture(scope="module")
def phonemizer() -> Phonemizer:
    pytest.importorskip("num2words")
    pytest.importorskip("pypinyin")
    return Phonemizer(network=False)


def test_each_table_has_a_hundred_cases_none_twice() -> None:
    for table in (ENGLISH, MANDARIN):
        assert len({case[0] for case in table}) == len(table) >= 100


@pytest.mark.parametrize(("text", "spoken", "sounds"), ENGLISH, ids=[c[0] for c in ENGLISH])
def test_english(phonemizer: Phonemizer, text: str, spoken: str, sounds: str) -> None:
    result = phonemizer(text, "en")
    assert result.text.replace(" ", "") == spoken.replace(" ", "")
    assert result.unknown == []
    phonemes = " ".join(s for s in result.symbols if s[0].isalpha())
    assert f" {sounds} ".replace("  ", " ") in f" {phonemes} "
    assert [word.language for word in result.words] == ["en"] * len(result.words)


@pytest.mark.parametrize(("text", "syllables"), MANDARIN, ids=[c[0] for c in MANDARIN])
def test_mandarin(phonemizer: Phonemizer, text: str, syllables: str) -> None:
    result = phonemizer(text, None if any("一" <= c <= "龥" for c in text) else "zh")
    heard = [f"[{w.text}]" if w.language == "en" else " ".join(result.of(w)) for w in result.words]
    expected = [s if s[0] == "[" else " ".join(split_syllable(s) or [s]) for s in syllables.split()]
    assert heard == expected
    assert result.unknown == []
