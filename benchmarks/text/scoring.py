"""When a front end has read a line rightly, whatever its phone set.

A front end is asked twice: for the line and for the words it should become; the two must sound the
same in its own phones. Sounds that a line asks for (homographs, the letter A) are looked
for in ARPAbet without stress, reduced vowels being one.
"""

from __future__ import annotations

import re

from benchmarks.text.readers import Reader
from tests.text.cases import Case

_REDUCED = "(?:AH|IH|EH|UH|IY|ER|AA|AE|OW)?"


def english_is_right(case: Case, read: Reader) -> bool:
    """Whether an English reader says one of the readings, with the sounds that must occur."""
    spoken = _bare(read(case.text))
    said = any(spoken == _bare(read(reading)) for reading in case.readings)
    return said and bool(re.search(_pattern(case.sounds), " ".join(spoken)))


def _bare(phones: list[str]) -> list[str]:
    return [re.sub(r"\d", "", phone) for phone in phones]


def _pattern(sounds: str) -> str:
    """Unstressed vowels are free, AA is AO, T is D: dialects and dictionaries differ there."""
    parts = []
    for sound in sounds.split():
        if sound.endswith("0"):
            parts.append(_REDUCED)
        else:
            bare = re.sub(r"\d", "", sound)
            same = {"AA": "(?:AA|AO)", "AO": "(?:AA|AO|OW)", "T": "(?:T|D)", "D": "(?:T|D)"}
            parts.append(same.get(bare, bare))
    return r"\s*".join(parts)


def pinyin_is_right(case: Case, syllables: list[str], tones: bool) -> bool:
    """Whether pinyin is one of the readings; English words may stand as they were written."""
    spoken = [s.lower() if tones else re.sub(r"\d$", "", s.lower()) for s in syllables]
    return any(_same(spoken, reading.split(), tones) for reading in case.readings)


def _same(spoken: list[str], reading: list[str], tones: bool) -> bool:
    if len(spoken) != len(reading):
        return False
    for syllable, choices in zip(spoken, reading, strict=True):
        wanted = [choice.strip("[]").lower().replace("v", "ü") for choice in choices.split("/")]
        wanted = wanted if tones else [re.sub(r"\d$", "", choice) for choice in wanted]
        if syllable.replace("v", "ü") not in wanted:
            return False
    return True


def espeak_is_right(case: Case, read: Reader) -> bool:
    """Whether espeak-ng reads a Mandarin line as its syllables one by one, without tones."""
    spoken = _toneless(read(case.text))
    return any(_spoken_as(spoken, reading.split(), read) for reading in case.readings)


def _spoken_as(spoken: list[str], reading: list[str], read: Reader) -> bool:
    return len(spoken) == len(reading) and all(
        any([syllable] == _toneless(read(choice.strip("[]"))) for choice in choices.split("/"))
        for syllable, choices in zip(spoken, reading, strict=True)
    )


def _toneless(syllables: list[str]) -> list[str]:
    return [re.sub(r"\d", "", syllable) for syllable in syllables]
