"""A sentence with Mandarin cut into what is read as Mandarin, as English, letter by letter, or as
numbered pinyin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from secousti.text.english.addresses import ADDRESS
from secousti.text.mandarin.numbers import name_digits
from secousti.text.mandarin.syllables import split_syllable
from secousti.text.mandarin.units import UNIT_PATTERN

Run = tuple[str, str]  # "zh", "figure" (a phrase of its own), "en", "letters" or "pinyin"; text
_LETTER = "A-Za-zÀ-ÖØ-öø-ɏ"  # without × and ÷
_LATIN = rf"[{_LETTER}](?:[0-9{_LETTER}'’.&+#@/-]*[{_LETTER}])?"  # digits at its end are Mandarin's
_FIGURE = r"(?:[$€£]?\d[\d.,]*%? +(?=[A-Za-z$€£\d]))*"  # between English words it is English
_ENGLISH = re.compile(rf"{_LATIN}(?:[.,;:!?]?[ ,]+{_FIGURE}{_LATIN})*")
_MEASURE = re.compile(
    rf"\d[\d,.]*\s?(?:{UNIT_PATTERN})(?![A-Za-z])|(?:US|HK|NT|A|C)\$|\d[\d.,]*[wk](?![A-Za-z])"
    r"|(?:RMB|CNY|USD|EUR|GBP|JPY|HKD)(?=\s?\d)|[\d)]\s?[xX](?=\s?[\d(])"
)
_PINYIN = re.compile(r"(?<![A-Za-z])[A-Za-zü][a-zü:êv]{1,6}[1-5](?![A-Za-z0-9])")
_ONLY_PINYIN = re.compile(r"(?:[A-Za-züê:]{1,7}[1-5][\s,.?!;:，。？！；：、-]*)+")
_ONE_LETTER = re.compile(r"[aeoê][1-5]")  # the syllables of one letter; A4 and E5 are names
_VOWELS = re.compile(r"[aeiouüê]")
_NAME = re.compile(r"([A-Za-z]+(?:-[A-Za-z]+)*)([- ]?)(\d+)(?![\d.]*\s?[%℃°])")
_ROMAN = re.compile(r"(?<![A-Za-z])(I{1,3}|IV|VI{0,3}|IX|XI{0,2})(?=[型期级类区层代卷册章世度])")
_ROMAN_VALUES = "I II III IV V VI VII VIII IX X XI XII".split()
_PLATE = re.compile(
    r"([京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼])([A-Z])[·•\s-]?"
    r"(?=[A-Z0-9]{5,6}(?![A-Za-z0-9]))([A-Z0-9]*\d[A-Z0-9]*)"
)
_SPOKEN_AS_CODE = re.compile(
    r"(?:航班|班机|车次|车牌|牌照|列车|高铁|动车|次)[号码是为:：]{0,2}\s?$"
)
_TRAIN_AFTER = re.compile(r"次|航班|号?列车")


def runs(text: str, language: str | None) -> Iterator[Run]:
    """Runs of ``text`` in order; figures of names come out in characters (A4 -> A, 四).

    Args:
        language: as in ``Phonemizer``; under ``"zh"`` numbered pinyin is read.
    """
    found = _pinyin_runs(text) if language == "zh" and _is_pinyin(text) else _runs(text, language)
    for kind, group in groupby(found, key=lambda run: run[0]):
        if kind == "zh":  # one phrase, so that tones meet
            yield kind, "".join(run for _, run in group)
        else:
            yield from group


def _runs(text: str, language: str | None) -> Iterator[Run]:
    start = position = 0
    while position < len(text):
        found, end = _special(text, position, language)
        if found:
            if start < position:
                yield "zh", text[start:position]
            yield from found
            start = end
        position = end
    if start < len(text):
        yield "zh", text[start:]


def _special(text: str, position: int, language: str | None) -> tuple[list[Run], int]:
    """What starts at ``position`` and is not plain Mandarin, and where it ends."""
    if match := _PLATE.match(text, position):
        return [("zh", match[1]), ("letters", match[2]), *_code(match[3])], match.end()
    if match := _MEASURE.match(text, position):
        return [], match.end()
    if match := ADDRESS.match(text, position):
        return [("en", match[0])], match.end()
    if match := _ROMAN.match(text, position):
        value = _ROMAN_VALUES.index(match[0]) + 1
        return [("zh", name_digits(str(value)))], match.end()
    if language == "zh" and (match := _PINYIN.match(text, position)) and _is_syllable(match[0]):
        return [("pinyin", match[0])], match.end()
    if match := _ENGLISH.match(text, position):
        return _latin(text, match)
    return [], position + 1


def _latin(text: str, match: re.Match[str]) -> tuple[list[Run], int]:
    words = match[0]
    if " " in words:  # several English words; their figures are English too
        return [("en", words)], match.end()
    name = _NAME.match(text, match.start())
    if name is None:
        return [(_spelled(words), words)], match.end()
    out: list[Run] = []
    telephone = bool(
        _SPOKEN_AS_CODE.search(text[: match.start()]) or _TRAIN_AFTER.match(text, name.end())
    )
    position = match.start()
    while part := _NAME.match(text, position):
        if text[part.end() : part.end() + 2].startswith(".") or text.startswith("%", part.end()):
            break
        out.append(("letters" if _is_symbol(part[1]) else "en", part[1]))
        out.append(_figure(name_digits(part[3], telephone)))
        position = part.end()
        position += bool(re.match(r"-[A-Za-z]", text[position:]))
    if not out:
        return [(_spelled(name[1]), name[1])], name.end(2) if name[2] == "-" else name.end(1)
    if rest := re.compile(r"[A-Za-z]+(?![A-Za-z])").match(text, position):
        out.append((_spelled(rest[0], True), rest[0]))
        position = rest.end()
    return out, position


def _figure(text: str) -> Run:
    """The figure of a name; a 一 at its end keeps its tone before what follows (H1N1流感)."""
    return ("figure" if text.endswith("一") else "zh"), text


def _spelled(word: str, after_digit: bool = False) -> str:
    """Single letters, capitals after a digit and short words without a vowel are letters."""
    plain = len(word) == 1 or (after_digit and word.isupper())
    silent = word.islower() and len(word) <= 3 and not re.search("[aeiouy]", word)
    return "letters" if word.isalpha() and (plain or silent) else "en"


def _is_symbol(letters: str) -> bool:
    """True for the letters of H2, CO2, A4, RTX4090; False for those of iPhone15."""
    return letters.isalpha() and (len(letters) == 1 or (letters.isupper() and len(letters) <= 4))


def _code(text: str) -> Iterator[Run]:
    for letters, figures in re.findall(r"([A-Z]+)|(\d+)", text):
        yield ("letters", letters) if letters else _figure(name_digits(figures, telephone=True))


def _is_syllable(text: str) -> bool:
    return split_syllable(text) is not None and _VOWELS.search(text[1:]) is not None


def _is_pinyin(text: str) -> bool:
    """True when every word is a numbered syllable, and not only letters with numbers (A4, v2)."""
    if not _ONLY_PINYIN.fullmatch(text):
        return False
    words = re.findall(r"[A-Za-züê:]+[1-5]", text)
    return all(split_syllable(word) for word in words) and any(
        _ONE_LETTER.fullmatch(word)
        or (len(word) > 2 and word[1:].islower() and _VOWELS.search(word.lower()))
        for word in words
    )


def _pinyin_runs(text: str) -> Iterator[Run]:
    for syllable, other in re.findall(r"([A-Za-züê:]+[1-5])|([^A-Za-züê]+)", text):
        yield ("pinyin", syllable) if syllable else ("zh", other)
