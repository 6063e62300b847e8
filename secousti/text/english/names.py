"""Names of letters and figures: models, formulae, versions, Roman numerals."""

from __future__ import annotations

import re

from secousti.text.english.numbers import cardinal, digits, ordinal, roman
from secousti.text.english.units import UNITS

_REGNAL = (
    "Henry|Edward|George|Charles|James|William|Richard|Louis|Elizabeth|Mary|Pope|John|Paul|Pius|"
    "Benedict|Napoleon|Philip|Alexander|Nicholas|Frederick|Francis|Gregory|Ferdinand|Leo|Ramses|"
    "Catherine|Peter|Ivan|Juan|Carlos|Gustav|Christian|Margaret|Wilhelm|Friedrich|Otto|Robert"
)
_COUNTED = (
    "Chapter|Part|Act|Scene|Volume|Book|War|Phase|Type|Class|Section|Article|Bowl|Rocky|Mark|Title|"
    "Stage|Level|Grade|Schedule|Appendix|Figure|Table|Episode|Season|Round|Unit|Division|Group|"
    "Apollo|Category|Tier|Annex|Paragraph|Canto|Psalm|Grand Theft Auto|Fantasy|Tape"
)
_ELEMENTS = set(
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Ti V Cr Mn Fe Co Ni Cu Zn As Se Br Kr Ag "
    "Cd Sn I Xe Ba W Pt Au Hg Pb U".split()
)
_FORMULA = re.compile(r"\b(?=[A-Za-z]*\d)(?:[A-Z][a-z]?\d*){2,}\b|\b[HONF][2-4]\b|\bC60\b")
_NAME = re.compile(r"(?<![$€£¥₹\d.,])\b(?=\w*\d)(?=\w*[A-Za-z])[A-Za-z\d]+\b(?!['’]s?\b\d)")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s)")
_LOWER_WORDS = ("th", "st", "nd", "rd", "s")


def spell_romans(text: str) -> str:
    """Roman numerals after names and after what is counted: Henry VIII, World War II."""

    def regnal(match: re.Match[str]) -> str:
        value = roman(match[2])
        return f"{match[1]} the {ordinal(value)}" if value else match[0]

    def counted(match: re.Match[str]) -> str:
        value = roman(match[2])
        return f"{match[1]} {cardinal(value)}" if value else match[0]

    text = re.sub(rf"\b({_REGNAL}) ([IVX]+)\b(?!'(?!s\b))(?!\.[A-Z])", regnal, text)
    text = re.sub(rf"\b({_COUNTED}) ([IVXLC]+)\b", counted, text)
    return re.sub(
        r"\b([A-Z][a-z]+) (II|III|IV|VI{1,3}|IX|XI{1,3}|XIV|XV|XVI{0,3})\b", counted, text
    )


def split_names(text: str) -> str:
    """Part letters from figures where they make a name: MP3, H2O, F-16, GPT-4o, v2.0.1."""
    text = re.sub(r"\b([vV])(?:er\.?)?(?=\d)", "`V` ", text)
    text = re.sub(r"\b(?:FY|CY)\s?'?(?=\d{2}(?:\d{2})?\b)", lambda m: f"`{m[0][:2]}` in ", text)
    text = text.replace("`FY` in ", "`FY` ").replace("`CY` in ", "`CY` ")
    text = re.sub(
        r"\b([A-Z][A-Za-z]*(?:-[A-Z][A-Za-z]*)*)-(\d+)([A-Za-z]{0,2})\b(?!\d)", _joined, text
    )
    text = _FORMULA.sub(_formula, text)
    return _NAME.sub(_name, text)


def _joined(match: re.Match[str]) -> str:
    """GPT-4o, F-150, COVID-19; an ordinal (The-1st) stays."""
    if match[3] in _LOWER_WORDS:
        return match[0]
    tail = f" `{match[3].upper()}`" if match[3] else ""
    stem = f"`{match[1]}`" if len(match[1]) == 1 else match[1]
    return f"{stem} {match[2]}{tail}"


def _formula(match: re.Match[str]) -> str:
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", match[0])
    if any(symbol not in _ELEMENTS for symbol, _ in parts):
        return match[0]
    return " ".join(f"`{symbol.upper()}` {count}".strip() for symbol, count in parts)


def _name(match: re.Match[str]) -> str:
    word = match[0]
    if word in UNITS or (
        re.match(r"\d+M$", word) and re.match(r" [a-z]{3}", match.string[match.end() :])
    ):
        return word
    if word[0].isdigit() and not re.fullmatch(r"\d+(?:[A-Z]{1,2}\d*|[A-Z]\d?[A-Z]?)", word):
        return word
    if _ORDINAL.fullmatch(word) or re.fullmatch(
        r"\d+(?:GB|MB|KB|TB|GHz|MHz|Hz|kW|MW|GW|W|V|L|MP|PB)", word
    ):
        return word
    if re.fullmatch(r"\d{2,}[KMB]|\d+B", word):
        return word
    parts = re.findall(r"[A-Za-z]+|\d+", word)
    return " ".join(_part(part) for part in parts)


def _part(part: str) -> str:
    if part.isdigit():
        return digits(part) if part.startswith("0") and len(part) > 1 else part
    if len(part) == 1 or (part.isupper() and len(part) <= 2):
        return f"`{part.upper()}`"
    return part
