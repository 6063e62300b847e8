"""Numbers in English text as words: telephone numbers, measures, fractions, ranges, the rest.

``RULES`` is a list of (pattern, replacement) that ``spell_numbers`` applies in order: what is more
specific comes first, so that ``12:30`` is a time before ``12`` is a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from secousti.text.english.dates import Entry, date_rules, year_rules
from secousti.text.english.money import spell_money
from secousti.text.english.numbers import NUMBER, cardinal, digits, number, ordinal, year
from secousti.text.english.units import UNIT_PATTERN, UNITS, pluralise

_SCALE_WORD = {"k": "thousand", "K": "thousand", "M": "million"}
_WELL_KNOWN = {
    "747": "seven forty seven", "737": "seven thirty seven", "777": "seven seventy seven",
    "787": "seven eighty seven", "767": "seven sixty seven", "757": "seven fifty seven",
    "911": "nine one one",
}  # fmt: skip
_OPERANDS = r"\d+(?:\.\d+)?\s*(?:[-+*/×÷]\s*\d+(?:\.\d+)?\s*)*="  # the rest of an equation
_UNIT = rf"(?:{UNIT_PATTERN})(?![A-Za-z\d])"
_SIDES = "tall|wide|long|deep|thick|high|screen|display|by|x"
_ARTICLE = r"((?:\b(?:[Aa]n?|[Tt]his|[Tt]hat|[Ee]ach|[Ee]very|[Aa]nother)) )?"
_NOUN_AFTER = (
    r"(?= (?!(?:a|an|the|of|and|or|to|for|in|on|at|is|was|are|were|by|from|with|per|each|as|than|"
    r"away|long|wide|tall|high|deep|thick|later|ago|before|after|above|below|more|less|apart|old)\b)"
    r"[a-z]{3,})"
)


def spell_numbers(text: str) -> str:
    """Replace everything with digits in ``text`` by words; letters keep their case."""
    text = _LONG_DIGITS.sub(lambda m: digits(m[0]), text)
    text = spell_money(text)
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text


def _measure(match: re.Match[str]) -> str:
    article, amount, hyphen, unit = match[1] or "", match[2], match[3], UNITS[match[4]]
    attribute = match[5] is not None and (article or hyphen == "-")
    one = amount.lstrip("+-") == "1" or bool(attribute)
    return f"{article}{number(amount)} {pluralise(unit, one)}"


def _fraction(match: re.Match[str]) -> str:
    sign = {"-": "minus ", "+": "plus "}.get(match[1] or "", "")
    whole, top, bottom = match[2], int(match[3]), int(match[4])
    if bottom == top == 50:
        return "fifty fifty"
    if bottom == 0 or top >= bottom or bottom > 100:
        return f"{sign}{match[2] or ''} {cardinal(top)} over {cardinal(bottom)}".replace("  ", " ")
    name = {2: "half", 4: "quarter"}.get(bottom, ordinal(bottom))
    name = name if top == 1 else {"half": "halves"}.get(name, name + "s")
    spoken = f"{cardinal(top)} {name}"
    if whole:
        spoken = f"{cardinal(int(whole))} and {'a' if top == 1 else cardinal(top)} {name}"
    if match[5]:
        spoken += " " + pluralise(UNITS[match[5]], not whole)
    return sign + spoken


def _range(match: re.Match[str]) -> str:
    low, high = match[1], match[2]
    years = all(len(n) == 4 and "1000" <= n <= "2099" for n in (low, high))
    return " to ".join(year(int(n)) if years else number(n) for n in (low, high))


def _difference(match: re.Match[str]) -> str:
    """10 - 5 is a difference, 5 - 10 a range."""
    return f"{match[1]} minus {match[2]}" if int(match[1]) > int(match[2]) else match[0]


def _feet_inches(match: re.Match[str]) -> str:
    feet = f"{cardinal(int(match[1]))} {pluralise('foot', match[1] == '1')}"
    return f"{feet} {number(match[2])}" if match[2] else feet


def _inches(match: re.Match[str]) -> str:
    """A double quote after a number is inches unless it closes a quotation."""
    opened = len(re.findall(r'(?<!\d)"', match.string[: match.start()])) % 2
    if opened and not re.search(r'\d"\s?[x×]\s?$', match.string[: match.start()]):
        return match[0]
    one = match[2] == "1" or match[3] is not None
    amount = match[2] if "/" in match[2] else number(match[2])
    return f"{match[1] or ''}{amount} {pluralise('inch', one)}"


def _telephone(match: re.Match[str]) -> str:
    plus = "plus " if match[0].startswith("+") else ""
    return plus + ", ".join(digits(group) for group in re.findall(r"\d+", match[0]))


def _telephones() -> list[Entry]:
    return [
        (r"\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]\d{2,5}){1,3}\b", _telephone),
        (r"(?<![\d.-])1[- .]\(?\d{3}\)?[- .]\d{3}[- .]\d{4}\b", _telephone),
        (
            r"(?<![\w.-])\(?\d{3}\)?[- .]\d{3}[- .]\d{4}\b|(?<![\w.-])\d{3}[-.]\d{4}\b(?!-)",
            _telephone,
        ),
        (
            r"(?<=\b[A-Z]{2} )(\d{5})(-\d{4})?\b(?! ?(?:people|miles|dollars))",
            lambda m: digits(m[0]),
        ),
        (r"(?<=`[A-Z]{2}` )(\d{5})(-\d{4})?\b", lambda m: digits(m[0])),
    ]


def _lengths() -> list[Entry]:
    amount = r"\d+(?:\.\d+)?|\d+/\d+"
    return [
        (r"\b(\d{1,2})'\s?(\d{1,2}(?:\.\d+)?)(?:\"|'')(?![A-Za-z])", _feet_inches),
        (rf"{_ARTICLE}(?<![\d.'])\b({amount})(?:\"|'')(?=({_NOUN_AFTER})?)(?=[\s.,;:!?)x×]|$)",
         _inches),
        (r"\b(\d)'()(?![A-Za-z'\d])", _feet_inches),
        (r"\b(\d+) ?(?:ft|feet)\.? ?(\d+) ?(?:in|inches)\b\.?",
         lambda m: _feet_inches(m) + " inches"),
        (rf"\b({amount})(?:-in\b|in\b|\sin\.?(?=\s(?:{_SIDES})\b))",
         lambda m: f"{number(m[1])} {pluralise('inch', m[1] == '1')}"),
        (r"(?<=\d)\s?[x×](?=\d+(?:\.\d+)?\b)(?!\d+\s?=)", lambda m: " by "),
        (r"(?<=\d)\sx\s(?=\d+(?:\.\d+)?\b)(?!\d+\s?=)", lambda m: " by "),
        (r"\b(inch|inches|feet|meters?|centimeters?|millimeters?)\s?[x×]\s?(?=\w)",
         lambda m: f"{m[1]} by "),
        (r"(?<=\d)\s/\s(?=\d)", lambda m: " divided by "),
        (r"(?<![\w-])(\d+) - (\d+)(?![\w-])", _difference),
        (rf"(?<=\d)\s?[x×]\s?(?=\d+(?:\.\d+)?\s?(?:{UNIT_PATTERN})\b)", lambda m: " by "),
    ]  # fmt: skip


def _measures() -> list[Entry]:
    return [
        (r"\b(\d+)h\s?(\d+)m(?:in)?\b",
         lambda m: f"{_amount(m[1], 'hour')} {_amount(m[2], 'minute')}"),
        (r"(?<![\w./])(\d{2,3})/(\d{2,3})\s?(mmHg)\b",
         lambda m: f"{cardinal(int(m[1]))} over {_amount(m[2], UNITS[m[3]])}"),
        (rf"(?<![\w.])([-+])?(?:\b(\d+) )?\b(\d+)/(\d+)\b(?!/)"
         rf"(?:[\s-]({UNIT_PATTERN})(?![A-Za-z\d]))?",
         _fraction),
        (rf"(?<![\w.])([-+]?{NUMBER})\s?(?:{UNIT_PATTERN})?\s?[-–—~]\s?({NUMBER})(?=\s?{_UNIT})",
         lambda m: f"{number(m[1])} to {m[2]}"),
        (rf"{_ARTICLE}(?<![\d.])((?:(?<!\w)[-+])?{NUMBER})(\s?-?)({UNIT_PATTERN})"
         rf"(?![A-Za-z\d²³/])(?:({_NOUN_AFTER}))?",
         _measure),
    ]  # fmt: skip


def _amount(text: str, unit: str) -> str:
    return f"{cardinal(int(text))} {pluralise(unit, text == '1')}"


def _plain() -> list[Entry]:
    return [
        (r"\b(\d+(?:,\d{3})*)(?:st|nd|rd|th)\b", lambda m: ordinal(int(m[1].replace(",", "")))),
        (rf"(?<=[\d)])\s?-\s?(?={_OPERANDS})", lambda m: " minus "),
        (r"(?<![\w-])([-+]?\d+(?:\.\d+)?)\s?[-–—~]\s?(\d+(?:\.\d+)?)(?=\s?%|(?![\w-]))", _range),
        *year_rules(),
        (r"(?<=\b[Bb]oeing )(7\d7)\b|(?<![\w.,-])911\b(?![,.]?\d| [a-z]+s\b)",
         lambda m: _WELL_KNOWN.get(m[0], m[0])),
        (rf"(?<![\d.,\w])([-+]?{NUMBER})([kKM])\b",
         lambda m: f"{number(m[1])} {_SCALE_WORD[m[2]]}"),
        (r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([-+]?)(\d+)\b", _scientific),
        (r"\b\d+(?:\.\d+){2,}\b", lambda m: " point ".join(map(number, m[0].split(".")))),
        (r"(?<![\d:])(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)(?![\d:])",
         lambda m: f"{number(m[1])} to {number(m[2])}"),
        (rf"(?<![\w.])(?<!\w-)([-+]?{NUMBER})([A-Za-z]*)(?!\w)", _with_letters),
        (r"(\d+(?:\.\d+)?)([A-Za-z]*)", lambda m: f" {_with_letters(m)} "),
    ]  # fmt: skip


def _scientific(match: re.Match[str]) -> str:
    sign = {"-": "minus ", "+": "plus "}.get(match[2], "")
    return f"{number(match[1])} `E` {sign}{cardinal(int(match[3]))}"


def _with_letters(match: re.Match[str]) -> str:
    """1.5x, 1.7B, 98.6F: the number, then single letters and capitals by their names."""
    letters = match[2]
    if len(letters) == 1 or (letters.isupper() and len(letters) < 4):
        letters = f"`{letters.upper()}`" if letters else ""
    return f"{number(match[1])} {letters}".strip()


def _rules() -> list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]:
    table = [*date_rules(), *_telephones(), *_lengths(), *_measures(), *_plain()]
    return [(re.compile(pattern), replacement) for pattern, replacement in table]


_LONG_DIGITS = re.compile(r"\d{19,}")  # no quantity has so many; also bounds all below
RULES = _rules()
