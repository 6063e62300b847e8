"""The particles 得, 地, 着 and 了, whose readings hang on the grammar around them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from secousti.text.mandarin.segment import Token

_DEGREE_AFTER = set("很太真非特更多不极如好快慢像这那有十相够比")
_OBJECT_AFTER = set("到了过分奖知益失意罪以出")
_MUST_BEFORE = set("我你您他她它们还就都总也可又必只咱谁")
_MUST = re.compile(r"(?:就|都|总|也|可|必须|还|又|只|非|肯定|一定|恐怕|大概|至少|起码)$")
_VERB_AFTER_MUST = re.compile(
    r"(?:去|走|做|写|买|看|回|来|吃|上|下|交|等|先|赶|把|给|用|想|找|在|要)"
)
_REACHED = set("睡找猜点见碰抓摸够逮")  # 猜着了, against 看着
_NO_ADVERB_TAGS = ("r", "q", "p", "c", "uj", "f", "ns", "nt", "s", "t", "x")
_GAIN = set("获取所夺赢求博争难心值不应")
_ADVERB_TAGS = ("d", "ad", "z")  # 不停, 仔细, 慢慢: what follows them is the particle
_EARTH_AFTER = set("上下里面方图点带球板位区址道理势震的是有")
_NO_ADVERB_BEFORE = set("的了是有在和与从到个这那天大块片寸各本此当满遍亩")
_NUMERALS = set("一二三四五六七八九十百千万亿两几多半数许")
_AMBIGUOUS = ("地下", "地上", "地道")


def read_particles(
    phrase: str, words: Sequence[Token], readings: list[str], fixed: Sequence[bool]
) -> None:
    """Set the readings of particles that stand as words by themselves in ``readings``.

    Args:
        fixed: characters that a table has decided already.
    """
    start = 0
    for number, word in enumerate(words):
        end = start + len(word.text)
        if len(word.text) == 1 and not fixed[start]:
            reading = _read(phrase, start, words, number)
            readings[start] = reading or readings[start]
        elif word.text in _AMBIGUOUS and number and _is_adverb(words[number - 1]):
            readings[start] = "de5"  # 不停地下, 哗哗地下
        elif _ends_in_particle(word) and not fixed[end - 1]:
            readings[end - 1] = "de5"
        start = end


def _is_adverb(word: Token) -> bool:
    return word.tag in _ADVERB_TAGS or (len(word.text) > 1 and _is_repeated(word.text))


def _ends_in_particle(word: Token) -> bool:
    """True for entries of the word list such as 轻轻地 and 说得; 不毛之地 is a place."""
    text = word.text
    if text[-1] == "得" and len(text) > 1:  # 说得 against 获得
        return text[-2] not in _GAIN
    return len(text) > 2 and text[-1] == "地" and text[-2] != "之" and word.tag[:1] in "zdilva"


def _read(phrase: str, index: int, words: Sequence[Token], number: int) -> str | None:
    before, after = phrase[:index], phrase[index + 1 :]
    if phrase[index] == "得" and before:
        return _reading_of_de(before, after)
    if phrase[index] == "得":
        return "de2" if after[:1] in _OBJECT_AFTER else "dei3"
    if phrase[index] == "地" and before:
        return "de5" if _is_adverbial(words, number, after) else "di4"
    if phrase[index] == "着" and before:
        return "zhao2" if before[-1] in _REACHED and after.startswith("了") else None
    return None


def _reading_of_de(before: str, after: str) -> str:
    """跑得快 de5, 得了奖 de2, 我得走 dei3."""
    if after[:1] in _OBJECT_AFTER and before[-1] not in "觉记懂":
        return "de2"
    if before[-1] in _MUST_BEFORE and after[:1] not in _DEGREE_AFTER:
        return "dei3" if after else "de5"
    if _MUST.search(before) or (before[-1] in "天晚上午在早" and _VERB_AFTER_MUST.match(after)):
        return "dei3"
    return "de5"


def _is_adverbial(words: Sequence[Token], number: int, after: str) -> bool:
    """True for 认真地学习 and 一步一步地走, False for 在地上 and 这块地."""
    word = words[number - 1]
    before = "".join(w.text for w in words[max(number - 4, 0) : number])
    if before[-1] in _NO_ADVERB_BEFORE and not _is_repeated(before):
        return False
    if _is_repeated(before):
        return True
    if len(word.text) < 2 or word.tag in _NO_ADVERB_TAGS or _is_quantity(word.text):
        return False
    plain = word.tag in (*_ADVERB_TAGS, "a")
    return plain or (bool(after) and after[0] not in _EARTH_AFTER)


def _is_quantity(word: str) -> bool:
    return word[0] in _NUMERALS or word in ("很多", "好多", "不少")


def _is_repeated(before: str) -> bool:
    """慢慢, 一步一步, 一遍又一遍, 三三两两."""
    return bool(re.search(r"(.)\1$|(..)\2$|(一.)又\3$|(.)\4(.)\5$", before))
