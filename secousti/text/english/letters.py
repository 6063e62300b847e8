"""Letters that are names: the letter A against the article, initials, acronyms."""

from __future__ import annotations

import re
from collections.abc import Container

_LABELS = (
    "plan|team|vitamin|grade|group|type|class|section|part|option|level|building|block|exhibit|"
    "appendix|figure|fig|table|schedule|series|unit|gate|terminal|hall|room|model|route|line|point|"
    "size|hepatitis|influenza|wing|zone|pool|channel|step|question|answer|side|category|division|"
    "platform|tier|phase|case|list|letter|note|key|node|column|row|variable|version|drive|bank|"
    "protein|factor|company|player|person|student|city|country|product|set|form|annex|lane|list|"
    "scenario|sample|subject|patient|area|site|deck|ward|blood|big|string|course|tube|triple|"
    "double|star|string|seat|serie|got|get|gets|an|straight|single|matrix|event|vertex"
)
_AFTER_LETTER = (
    r"\s*(?:$|[.,;:!?)\]}&+*/=<>≤≥≠\"”’]|-(?=[\s\d(])|(?:is for|or|and [A-Z]\b|equals|to Z|minor\b|"
    r"flat\b|sharp\b)(?![a-z]))"
)
_TITLE_BEFORE = re.compile(r"\b[A-Z][\w']*\s$")
_TWO_LETTER_WORDS = set("NO ON IN IS AS AT BE BY DO GO HE IF ME MY OF OH SO TO UP WE AN OK".split())
_SPELLED = set(
    "WHO LED ETA MIT SAT RIP LAX COO ROI API URL IPO ASAP FAQ DIY CIO ALS EPA GRE ERP POS SAS "
    "USA".split()
)


def mark_letters(text: str) -> str:
    """Put the letter A and letters joined by & between backquotes, which spell them out."""
    text = re.sub(r"\b([A-Z]{1,3})&([A-Z]{1,3})\b", r"`\1` and `\2`", text)
    text = re.sub(r"\b([A-Z])/([A-Z])\b(?!/)", r"`\1` `\2`", text)
    text = re.sub(r"(?<![\w.])([A-Z])\.(?=\s+[A-Z][\w.])", _initial, text)
    text = re.sub(r"(?<=\()a(?=\))|(?<=\b[Ll]etter )a\b", "`A`", text)
    text = re.sub(r"(?<=[=+*/^<>≤≥≠] )a\b(?=\s*(?:$|[.,;=+*/^<>≤≥≠)]))", "`A`", text)
    text = re.sub(r"\ba(?=\s?(?:[=+*/^<>≤≥≠²]|!=|==|\|))", "`A`", text)
    return re.sub(r"(?<![\w`'.])A(?![\w`'$])(?!\.[A-Za-z])", _letter_or_article, text)


def _initial(match: re.Match[str]) -> str:
    """J. Smith: no full stop, unless a label (Plan B. Then) makes the letter the end."""
    before = match.string[: match.start()]
    named = re.search(
        r"(?:^|[.!?,;:(\"]|\b[A-Z][\w'`]*\.?|\bdoctor|\bmister|\bprofessor|`)\s*$", before
    )
    labelled = re.search(rf"\b(?i:{_LABELS})\s$", before)
    return f"`{match[1]}`" if named and not labelled else match[0]


def _letter_or_article(match: re.Match[str]) -> str:
    """The capital A: an article at the start of a sentence and in titles, else a letter."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    if re.match(r"-(?:[a-z]|\d)", after) or re.match(_AFTER_LETTER, after):
        return "`A`"
    if re.search(rf"\b(?i:{_LABELS})\s$", before):
        return "`A`"
    if re.search(r"(?:^|[.!?:;…\"“(\]-])\s*$", before) or not before.strip():
        return "a"
    if _TITLE_BEFORE.search(before) and re.match(r"\s[A-Z]", after):
        return "a"  # Once Upon A Time
    return "`A`"


def spell_word(word: str, known: Container[str]) -> str:
    """One written word as spoken words; what stands between backquotes is spelled out."""
    if word.startswith("`"):
        return " ".join(word.replace("`", "").partition("'")[0]) + ("'s" if "'" in word else "")
    if len(word) == 1:
        return word.lower() if word in "aAiI" else word.upper()
    if capitals := re.fullmatch(r"([A-Z]{2,})('?s)?'?", word):
        return _capitals(capitals[1], capitals[2] or "", known)
    if word.lower() in known or not re.search(r"[a-z][A-Z]", word):
        return word.lower()
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z']+", word)
    return " ".join(spell_word(part, known) for part in parts)


def _capitals(stem: str, ending: str, known: Container[str]) -> str:
    if len(stem) == 2:
        spelled = stem not in _TWO_LETTER_WORDS
    else:
        spelled = stem in _SPELLED or stem.lower() not in known
    if not spelled:
        return stem.lower() + ("'s" if ending else "")
    return " ".join(stem) + ("'s" if ending else "")
