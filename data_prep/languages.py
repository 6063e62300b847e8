"""Names of languages as corpora write them, and which of them have phonemes here."""

from __future__ import annotations

import re

KNOWN = ("en", "zh", "mixed")  # what the phoneme inventory covers
_OTHER_NAMES = {
    "english": "en",
    "eng": "en",
    "chinese": "zh",
    "mandarin": "zh",
    "cmn": "zh",
    "zho": "zh",
    "chi": "zh",
    "putonghua": "zh",
}
_CANTONESE = ("zh-hk", "zh-mo", "zh-yue")  # Common Voice's zh-HK is Cantonese
_KANA = re.compile(r"[\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f]")
_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")


def language_of(name: str) -> str:
    """``en`` or ``zh`` for their many names and tags (``en-US``, ``cmn``); others as they are."""
    tag = name.strip().lower().replace("_", "-")
    if tag.startswith(_CANTONESE):
        return name.strip()
    head = tag.partition("-")[0]
    found = _OTHER_NAMES.get(tag) or _OTHER_NAMES.get(head) or head
    return found if found in KNOWN else name.strip()


def has_phonemes(language: str) -> bool:
    """Whether texts in it become phonemes of the inventory."""
    return language in KNOWN


def guess_language(text: str | None, default: str = "en") -> str:
    """The language of a text by its script; ``default`` without one.

    Kana are Japanese although Han characters stand beside them; a text whose letters are neither
    Latin nor Han is of no language that is known here (``und``).
    """
    if text is None:
        return default
    if _KANA.search(text):
        return "ja"
    if _HANGUL.search(text):
        return "ko"
    if _HAN.search(text):
        return "zh"
    letters = [c for c in text if c.isalpha()]
    latin = sum(c < "\u0250" or "\u1e00" <= c <= "\u1eff" for c in letters)
    return default if not letters or 2 * latin >= len(letters) else "und"
