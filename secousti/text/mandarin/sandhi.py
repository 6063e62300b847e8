"""Tone changes between syllables: 一, 不 and runs of third tones.

Works on syllables with digits ("yi1"), one a character, and on the word each character is in.
"""

from __future__ import annotations

from collections.abc import Sequence

_COUNTING = set("零一二三四五六七八九十百千万亿点幺两")
_MULTIPLES = set("百千万亿")
_OPERATORS = set("加减乘除比")
_DIGITS = set("零一二三四五六七八九")
_ORDINAL_AFTER = set("月号楼班级型期")
_ORDINAL_BEFORE = set("第初周统唯专划合")


def spoken_tones(
    characters: Sequence[str], syllables: Sequence[str], words: Sequence[int]
) -> list[str]:
    """Syllables of one phrase with the tones they are spoken with.

    Args:
        characters: Han characters, in order, without punctuation between them.
        syllables: their dictionary pinyin with tone digit.
        words: number of the word that each character belongs to.
    """
    spoken = list(syllables)
    for index, character in enumerate(characters):
        if character == "一" and spoken[index] == "yi1":
            spoken[index] = "yi" + _tone_of_one(characters, spoken, index)
        elif character == "不" and spoken[index] == "bu4":
            spoken[index] = "bu" + _tone_of_not(characters, spoken, index)
    _third_tones(spoken, words)
    return spoken


def _tone_of_one(characters: Sequence[str], syllables: Sequence[str], index: int) -> str:
    before = characters[index - 1] if index else ""
    after = characters[index + 1] if index + 1 < len(characters) else ""
    if "".join(characters[max(index - 2, 0) : index]) == "分之":
        return "1"
    if not after or before in _ORDINAL_BEFORE or _is_weekday(characters, index):
        return "1"
    if before in _COUNTING or (after in _COUNTING and after not in _MULTIPLES and after != "点"):
        return "1"
    if before and before == after:
        return "5"  # 看一看
    if (
        (before in ("月", "比") and after not in _MULTIPLES)
        or after in _OPERATORS
        or (after == "点" and "".join(characters[index + 2 : index + 3]) in _DIGITS)
    ):
        return "1"  # 一加一, 一比四, 一点五
    if after in _ORDINAL_AFTER:
        return "1"
    return "2" if syllables[index + 1].endswith("4") or after == "个" else "4"


def _is_weekday(characters: Sequence[str], index: int) -> bool:
    return index >= 2 and "".join(characters[index - 2 : index]) in ("星期", "礼拜")


def _tone_of_not(characters: Sequence[str], syllables: Sequence[str], index: int) -> str:
    after = characters[index + 1] if index + 1 < len(characters) else ""
    if index and after and characters[index - 1] == after:
        return "5"  # 好不好
    return "2" if after and syllables[index + 1].endswith("4") else "4"


def _third_tones(syllables: list[str], words: Sequence[int]) -> None:
    """A third tone before another becomes a second; words first, then across words from the end."""
    last = len(syllables) - 1
    pairs = [i for i in range(last) if words[i] == words[i + 1]]
    pairs += [i for i in range(last - 1, -1, -1) if words[i] != words[i + 1]]
    for index in pairs:
        if syllables[index].endswith("3") and syllables[index + 1].endswith("3"):
            syllables[index] = syllables[index][:-1] + "2"
