"""Han characters to pinyin syllables: words, their readings, then er-hua and tone changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby

from secousti.errors import require
from secousti.text.mandarin.erhua import with_erhua
from secousti.text.mandarin.particles import read_particles
from secousti.text.mandarin.polyphones import Polyphones
from secousti.text.mandarin.sandhi import spoken_tones
from secousti.text.mandarin.segment import Segmenter, Token
from secousti.text.mandarin.syllables import Syllable
from secousti.text.mandarin.tables import table_lines

_LONGEST_PHRASE = 8  # characters of several words that the dictionary may read as one
_PLAIN = {"一": "yi1", "不": "bu4"}  # the dictionary holds some with the tone changed


class MandarinG2p:
    """``MandarinG2p()("花儿开了") -> [Syllable("花儿", "huar1"), ...]``.

    A character's reading comes from, in this order: the table of corrections, pypinyin's dictionary
    of phrases (cut at the words' bounds), the grammar of particles, the rules of polyphones,
    pypinyin's commonest reading. Characters without a reading give a syllable whose ``symbols``
    are empty.

    Raises:
        SecoustiError: pypinyin is not installed.
    """

    def __init__(self) -> None:
        self._pypinyin = require("pypinyin", "data")
        self._phrases = require("pypinyin.constants", "data").PHRASES_DICT
        self._split = require("pypinyin.seg.mmseg", "data").seg.cut
        self._segment = Segmenter()
        self._polyphones = Polyphones()
        self._corrections = {w: pinyin.split() for w, pinyin in table_lines("mandarin_words.tsv")}
        self._longest = max(map(len, self._corrections))
        self.description = f"pypinyin-{self._pypinyin.__version__}{self._segment.description}"

    def __call__(self, phrase: str) -> list[Syllable]:
        """Syllables of a phrase of Han characters without punctuation."""
        if not phrase:
            return []
        words = self._segment(phrase)
        readings, fixed = self._dictionary(words)
        self._correct(phrase, words, readings, fixed)
        for index, known in enumerate(fixed):
            if not known:
                readings[index] = self._polyphones(phrase, index) or readings[index]
        read_particles(phrase, words, readings, fixed)
        parts = [part for word in words for part in self._segment.parts(word.text)]
        index_of_part = [n for n, part in enumerate(parts) for _ in part]
        return list(with_erhua(phrase, spoken_tones(phrase, readings, index_of_part)))

    def _dictionary(self, words: Sequence[Token]) -> tuple[list[str], list[bool]]:
        """Readings by pypinyin, and which of them a phrase of several characters decided."""
        units = list(self._units([word.text for word in words]))
        style = self._pypinyin.Style.TONE3
        groups = self._pypinyin.pinyin(
            units, style=style, neutral_tone_with_five=True, v_to_u=False, errors=list
        )
        readings = [
            _PLAIN[c] if c in _PLAIN and not group[0].endswith("5") else group[0]
            for c, group in zip("".join(units), groups, strict=True)
        ]
        return readings, [len(unit) > 1 for unit in units for _ in unit]

    def _units(self, words: Sequence[str]) -> Iterator[str]:
        """What the dictionary reads as one: runs of words, words, parts of words, characters."""
        start = 0
        while start < len(words):
            size = self._joined(words, start)
            unit = "".join(words[start : start + size])
            if unit in self._phrases:
                yield unit
            else:
                parts = self._split(unit)
                yield from (
                    p for part in parts for p in ([part] if part in self._phrases else part)
                )
            start += size

    def _joined(self, words: Sequence[str], start: int) -> int:
        """How many words from ``start`` on are together one phrase of the dictionary."""
        sizes = list(accumulate(map(len, words[start : start + _LONGEST_PHRASE])))
        for count in range(len(sizes), 1, -1):
            if sizes[count - 1] > _LONGEST_PHRASE:
                continue
            if "".join(words[start : start + count]) in self._phrases:
                return count
        return 1

    def _correct(
        self, phrase: str, words: Sequence[Token], readings: list[str], fixed: list[bool]
    ) -> None:
        """Overlay the longest corrections from the left; marks the characters they set."""
        bounds = {0, *accumulate(len(word.text) for word in words)}
        start = 0
        while start < len(phrase):
            for end in range(min(start + self._longest, len(phrase)), start, -1):
                correction = self._corrections.get(phrase[start:end])
                if correction and _is_whole(start, end, bounds):
                    readings[start:end] = correction
                    fixed[start:end] = [True] * (end - start)
                    start = end - 1
                    break
            start += 1


def _is_whole(start: int, end: int, bounds: set[int]) -> bool:
    """True for whole words and the start or end of one, not for parts of two or a middle."""
    inside = bounds.intersection(range(start + 1, end))
    single = end - start == 1
    return (start in bounds and end in bounds) or (
        not inside and (start in bounds or end in bounds or single)
    )


def phrases(text: str) -> Iterator[tuple[bool, str]]:
    """Runs of Han characters (True) and of everything else (False)."""
    for han, run in groupby(text, key=is_han):
        yield han, "".join(run)


def is_han(character: str) -> bool:
    """True for a character with a Mandarin reading: CJK ideographs and 〇."""
    return (
        "\u3400" <= character <= "\u9fff"
        or "\uf900" <= character <= "\ufaff"
        or "\U00020000" <= character <= "\U0003ffff"
        or character == "〇"
    )
