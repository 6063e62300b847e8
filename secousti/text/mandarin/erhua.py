"""Er-hua: a 儿 that colours the syllable before it, against one that is a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secousti.text.mandarin.syllables import Syllable, split_syllable

_NOT_AFTER = set("女婴幼孤男健胎少宠弃产育混小生")
_NOT_BEFORE = set("子童女科媳孙歌戏化")


def with_erhua(phrase: str, readings: Sequence[str]) -> Iterator[Syllable]:
    """Syllables of a phrase; 花儿 is one, 女儿 and 儿童 are two."""
    index = 0
    while index < len(phrase):
        text, pinyin = phrase[index], readings[index]
        if _is_erhua(phrase, index + 1) and split_syllable(pinyin):
            yield Syllable(text + "儿", pinyin[:-1] + "r" + pinyin[-1])
            index += 2
        else:
            yield Syllable(text, pinyin)
            index += 1


def _is_erhua(phrase: str, index: int) -> bool:
    if index >= len(phrase) or phrase[index] != "儿" or phrase[index - 1] in _NOT_AFTER:
        return False
    after = phrase[index + 1 : index + 2]
    return phrase[index - 1] != "儿" and after not in _NOT_BEFORE
