"""Han characters to pinyin syllables: pypinyin, then corrections, er-hua and tone changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby

from secousti.errors import require
from secousti.text.mandarin.sandhi import spoken_tones
from secousti.text.mandarin.syllables import split_syllable

_DEGREE_AFTER = set("很太真非特更多不极如好快慢像这那有十相够")
_OBJECT_AFTER = set("到了过分奖知益失意罪以出")
_MUST_BEFORE = set("我你您他她它们还就都总也可又必只")
_NO_ADVERB_BEFORE = set("的了是有在和与从到个这那天大")
_NOUN_AFTER_EARTH = set("上下里面方图点带球板位区址道理势震的是有")
_ERHUA_NOT_AFTER = set("女婴幼孤男健胎少宠弃产育混小生")
_ERHUA_NOT_BEFORE = set("子童女科媳孙歌戏化")


@dataclass(frozen=True)
class Syllable:
    """One spoken syllable: its characters (two with er-hua) and its pinyin with tone digit."""

    text: str
    pinyin: str

    @property
    def symbols(self) -> list[str]:
        """Initial, final with tone, er-hua coda; empty when the reading is not Mandarin."""
        return split_syllable(self.pinyin) or []


class MandarinG2p:
    """``MandarinG2p()("花儿开了") -> [Syllable("花儿", "huar1"), ...]``.

    Characters that have no reading give a syllable whose ``symbols`` are empty.

    Raises:
        SecoustiError: pypinyin is not installed.
    """

    def __init__(self) -> None:
        self._pypinyin = require("pypinyin", "data")
        self._segment = require("pypinyin.seg.mmseg", "data").seg.cut
        self._corrections = _read_corrections()
        self._longest = max(map(len, self._corrections))
        self.description = f"pypinyin-{self._pypinyin.__version__}"

    def __call__(self, phrase: str) -> list[Syllable]:
        """Syllables of a phrase of Han characters without punctuation."""
        if not phrase:
            return []
        words = list(self._segment(phrase))
        index_of_word = [n for n, word in enumerate(words) for _ in word]
        readings = self._dictionary(phrase)
        fixed = self._correct(phrase, readings)
        _particles(phrase, words, readings, fixed)
        return list(_with_erhua(phrase, spoken_tones(phrase, readings, index_of_word)))

    def _dictionary(self, phrase: str) -> list[str]:
        style = self._pypinyin.Style.TONE3
        groups = self._pypinyin.pinyin(
            phrase, style=style, neutral_tone_with_five=True, v_to_u=False, errors=list
        )
        readings = [group[0] for group in groups]
        plain = {"一": "yi1", "不": "bu4"}  # the dictionary holds some with the tone changed
        return [
            plain[c] if c in plain and not r.endswith("5") else r
            for c, r in zip(phrase, readings, strict=True)
        ]

    def _correct(self, phrase: str, readings: list[str]) -> list[bool]:
        """Overlay the longest corrections from the left; marks the characters they set."""
        fixed = [False] * len(phrase)
        start = 0
        while start < len(phrase):
            for length in range(min(self._longest, len(phrase) - start), 0, -1):
                if correction := self._corrections.get(phrase[start : start + length]):
                    readings[start : start + length] = correction
                    fixed[start : start + length] = [True] * length
                    start += length - 1
                    break
            start += 1
        return fixed


def _particles(phrase: str, words: list[str], readings: list[str], fixed: list[bool]) -> None:
    """The structural particles 得 and 地, which the dictionary reads as full words."""
    start = 0
    for number, word in enumerate(words):
        before = phrase[start - 1] if start else ""
        after = phrase[start + 1 : start + 2]
        if word == "得" and before and not fixed[start]:
            readings[start] = _reading_of_de(before, after)
        if word == "地" and not fixed[start] and _is_adverbial(words[:number], after):
            readings[start] = "de5"
        start += len(word)


def _is_adverbial(words_before: list[str], after: str) -> bool:
    """True for 慢慢地走 and 高兴地说, False for 在地上."""
    before = "".join(words_before[-2:])
    if not after or after in _NOUN_AFTER_EARTH or before[-1:] in _NO_ADVERB_BEFORE:
        return False
    return len(words_before[-1]) > 1 or (len(before) > 1 and before[-1] == before[-2])


def _reading_of_de(before: str, after: str) -> str:
    if after in _OBJECT_AFTER:
        return "de2"
    if before in _MUST_BEFORE and after not in _DEGREE_AFTER:
        return "dei3"
    return "de5"


def _with_erhua(phrase: str, syllables: list[str]) -> Iterator[Syllable]:
    """Merge a 儿 that colours the syllable before it; 女儿 and 儿童 keep theirs."""
    index = 0
    while index < len(phrase):
        text, pinyin = phrase[index], syllables[index]
        if _is_erhua(phrase, index + 1) and split_syllable(pinyin):
            yield Syllable(text + "儿", pinyin[:-1] + "r" + pinyin[-1])
            index += 2
        else:
            yield Syllable(text, pinyin)
            index += 1


def _is_erhua(phrase: str, index: int) -> bool:
    if index >= len(phrase) or phrase[index] != "儿" or phrase[index - 1] in _ERHUA_NOT_AFTER:
        return False
    after = phrase[index + 1 : index + 2]
    return phrase[index - 1] != "儿" and after not in _ERHUA_NOT_BEFORE


def _read_corrections() -> dict[str, list[str]]:
    text = (files("secousti.text") / "data" / "mandarin_words.tsv").read_text("utf-8")
    entries = (line.split("\t") for line in text.splitlines() if line)
    return {word: pinyin.split() for word, pinyin in entries}


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
