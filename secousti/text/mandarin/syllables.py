"""Pinyin syllables to phonological initial and final."""

from __future__ import annotations

import re
from dataclasses import dataclass

from secousti.text.inventory import ERHUA, PINYIN_FINALS, PINYIN_INITIALS

_SYLLABLE = re.compile(r"([a-zü:êv]+?)(r?)([1-5])")
_INITIAL = re.compile(rf"({'|'.join(sorted(PINYIN_INITIALS, key=len, reverse=True))})(?=.)")
_SPELLED = {"iu": "iou", "ui": "uei", "un": "uen", "ue": "ve", "ê": "eh", "yo": "io"}
_WITHOUT_INITIAL = [("yu", "v"), ("yi", "i"), ("y", "i"), ("wu", "u"), ("w", "u")]
_SYLLABIC = {"hm": "m", "hng": "ng", "m": "m", "n": "n", "ng": "ng"}


@dataclass(frozen=True)
class Syllable:
    """One spoken syllable: its characters (two with er-hua) and its pinyin with tone digit."""

    text: str
    pinyin: str

    @property
    def symbols(self) -> list[str]:
        """Initial, final with tone, er-hua coda; empty when the reading is not Mandarin."""
        return split_syllable(self.pinyin) or []


def split_syllable(syllable: str) -> list[str] | None:
    """``"zhuang1" -> ["zh", "uang1"]``, ``"yue4" -> ["ve4"]``, ``"huar1" -> ["h", "ua1", "rr"]``.

    The tone is the digit at the end, 5 for neutral; ü may be written ``ü``, ``v`` or ``u:``.
    Returns None when the text is no Mandarin syllable.
    """
    match = _SYLLABLE.fullmatch(syllable.lower().replace("u:", "v").replace("ü", "v"))
    if match is None:
        return None
    letters, coda, tone = match.groups()
    if letters == "e" and coda:
        letters, coda = "er", ""
    initial, final = _parts(letters)
    if final not in PINYIN_FINALS or (final == "er" and initial):
        return None
    return ([initial] if initial else []) + [final + tone] + ([ERHUA] if coda else [])


def _parts(letters: str) -> tuple[str, str]:
    if letters in _SYLLABIC:
        return "", _SYLLABIC[letters]
    if letters == "yo":
        return "", "io"
    match = _INITIAL.match(letters)
    if match is None:
        return "", _bare_final(letters)
    initial, final = match[1], letters[match.end() :]
    if initial in "jqx" and final.startswith("u"):
        final = "v" + final[1:]
    if final == "i" and initial in ("z", "c", "s"):
        return initial, "ii"
    if final in ("i", "ii") and initial in ("zh", "ch", "sh", "r"):
        return initial, "iii"
    return initial, _SPELLED.get(final, final)


def _bare_final(letters: str) -> str:
    """Final of a syllable written without an initial: yue -> ve, you -> iou, wo -> uo."""
    for spelled, head in _WITHOUT_INITIAL:
        if letters.startswith(spelled):
            final = head + letters[len(spelled) :]
            return {"ue": "uei"}.get(final, final)
    return _SPELLED.get(letters, letters)
