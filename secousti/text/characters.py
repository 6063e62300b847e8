"""One form for characters that are written in several: full width, compatibility, odd blanks."""

from __future__ import annotations

import re
import unicodedata

_IGNORED = re.compile("[\u200b-\u200f\u2060\ufeff\ufe0e\ufe0f\u00ad]")
_KEPT = set("，。！？：；（）、．")  # full-width punctuation says that the sentence is Mandarin
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_POWER = re.compile("(?:[⁰¹⁴⁵⁶⁷⁸⁹⁺⁻ⁿ][⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]*|[²³][⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_ALIKE = str.maketrans({
    "−": "-", "﹣": "-", "⁄": "/", "∕": "/", "µ": "μ", "\u2126": "Ω", "〜": "~", "～": "~",
    "∼": "~",
    "∶": ":", "﹪": "%", "﹢": "+", "✕": "×", "✖": "×", "⨯": "×", "∙": "·", "⋅": "·",
})  # fmt: skip
_BLOCKS = [
    (0xFF01, 0xFF5E), (0xFFE0, 0xFFE6),  # full width
    (0x3300, 0x33FF), (0x3200, 0x32FF),  # squared units, enclosed CJK
    (0x2460, 0x24FF),  # circled digits and letters
    (0x2150, 0x217F), (0xBC, 0xBE),  # fractions, Roman numerals
    (0x2080, 0x209C),  # subscripts
    (0x1D400, 0x1D7FF),  # mathematical letters and digits
    (0xF900, 0xFAFF), (0x2E80, 0x2FDF),  # compatibility ideographs, radicals
    (0xFB00, 0xFB06),  # ligatures
    (0x2100, 0x214F),  # letter-like symbols: ℃, ℉, ℓ
]  # fmt: skip
_UNCHANGED = set("℃℉™№℠ℵ℮℞℗")
_VULGAR = re.compile(r"(\d?)([½¼¾⅐-⅞])")
_CIRCLE_AS_ZERO = re.compile(
    "(?<=[一二三四五六七八九〇零])[○◯](?=[一二三四五六七八九〇零○◯年])|[○◯](?=[一二三四五六七八九])"
)


def unify(text: str) -> str:
    """``text`` with one spelling of every character that has several.

    Compatibility characters become what they stand for (NFKC: Ａ４ -> A4, ㎏ -> kg, ① -> 1, CO₂ ->
    CO2), powers become ``^n`` save ² and ³, all blanks are one blank, invisible marks are dropped.
    ½ -> 1/2. Full-width punctuation and ℃ stay.
    """
    text = _POWER.sub(lambda match: "^" + match[0].translate(_SUPERSCRIPTS), text)
    text = _VULGAR.sub(lambda match: f"{match[1]} {match[2]}".strip(), text)
    text = _CIRCLE_AS_ZERO.sub("〇", text)
    text = "".join(map(_unified, text)).translate(_ALIKE)
    return _IGNORED.sub("", re.sub(r"\s+", " ", text))


def _unified(char: str) -> str:
    if char in _KEPT or char in _UNCHANGED:
        return char
    code = ord(char)
    if unicodedata.category(char) == "Zs" or any(low <= code <= high for low, high in _BLOCKS):
        return unicodedata.normalize("NFKC", char)
    return char
