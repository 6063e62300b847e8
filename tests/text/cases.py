"""The tables of hard cases: what a text sounds like, and whether a reading is that.

A table has two kinds of lines. ``tune`` lines are what the code is written against; ``held`` lines
only measure, and their readings were decided before the code had read them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from secousti.text.mandarin.syllables import split_syllable
from secousti.text.phonemizer import Phonemes

HERE = Path(__file__).parent
_QUIET_MARKS = re.compile(r'[\s,;:"()…-]')


@dataclass(frozen=True)
class Case:
    """One line of a table: a text, its readings, and sounds that must occur (English)."""

    held: bool
    text: str
    readings: tuple[str, ...]
    sounds: str = ""

    def spoken(self) -> list[str]:
        """Readings of a Mandarin line in inventory symbols, the first choice of each syllable."""
        return [
            " ".join(_phonemes(choices.split("/")[0]) for choices in reading.split())
            for reading in self.readings
        ]

    @property
    def language(self) -> str | None:
        """What a Mandarin line is read as: numbers alone need to be told."""
        return None if any("一" <= char <= "龥" for char in self.text) else "zh"


def cases(language: str) -> list[Case]:
    """The lines of the table of ``"en"`` or ``"zh"``."""
    lines = (HERE / f"cases_{language}.tsv").read_text("utf-8").splitlines()
    return [_parse(line) for line in lines if line and not line.startswith("#")]


def _parse(line: str) -> Case:
    split, text, readings, *sounds = line.split("\t")
    if split not in ("tune", "held"):
        raise ValueError(f"the split is {split!r} in the line {line!r}")
    return Case(split == "held", text, tuple(readings.split(" | ")), *sounds)


def is_right(case: Case, result: Phonemes, language: str) -> bool:
    """True when ``result`` is one of the readings of ``case``, with nothing unknown in it."""
    right = _english if language == "en" else _mandarin
    return not result.unknown and right(case, result)


def _english(case: Case, result: Phonemes) -> bool:
    """Held lines allow for other commas; a full stop out of place is wrong in both."""
    bare = _QUIET_MARKS if case.held else re.compile(r"\s")
    spoken = bare.sub("", result.text)
    phonemes = " ".join(s for s in result.symbols if s[0].isalpha())
    sounds = f" {case.sounds} ".replace("  ", " ")
    return spoken in [bare.sub("", r) for r in case.readings] and sounds in f" {phonemes} "


def _mandarin(case: Case, result: Phonemes) -> bool:
    spoken = spoken_syllables(result)
    return any(_matches(spoken, reading.split()) for reading in case.readings)


def spoken_syllables(result: Phonemes) -> list[str]:
    """One string a word: phonemes of a syllable, an English word in brackets."""
    return [f"[{w.text}]" if w.language == "en" else " ".join(result.of(w)) for w in result.words]


def _matches(spoken: list[str], reading: list[str]) -> bool:
    return len(spoken) == len(reading) and all(
        syllable in [_phonemes(choice) for choice in choices.split("/")]
        for syllable, choices in zip(spoken, reading, strict=True)
    )


def _phonemes(syllable: str) -> str:
    return syllable if syllable[0] == "[" else " ".join(split_syllable(syllable) or [syllable])
