"""Dates, times of day, years and decades in English text, as words."""

from __future__ import annotations

import re
from collections.abc import Callable

from secousti.text.english.numbers import cardinal, ordinal, plural, year
from secousti.text.english.units import pluralise

Entry = tuple[str, Callable[[re.Match[str]], str]]
MONTHS = (
    "January February March April May June July August September October November December"
).split()
_MONTH_SHORT = {month[:3]: month for month in MONTHS} | {"Sept": "September"}
_MONTH = "|".join([*MONTHS, *(rf"{short}\.?" for short in sorted(_MONTH_SHORT, reverse=True))])
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s?([AaPp])(?:\.[Mm]\.|[Mm]\b))?(?!\d)"
_YEAR_BEFORE = (
    r"(?:\b(?i:in|since|from|until|till|by|before|after|during|of|year|circa|late|early|mid|"
    rf"summer|winter|spring|autumn|fall|Q[1-4]|H[12]|`FY`|`CY`|{_MONTH}),? )"
)
_YEAR_AFTER = (
    r"(?=\s*(?:$|[.,;:!?)\"-]|(?:is|was|were|has|had|and|to|the|or|but|when|where|it|he|she|we|"
    r"they|in|at|on|for|with|by|BC|AD|CE|BCE|election|season|edition|Olympics|World)\b))"
)


def date_rules() -> list[Entry]:
    """Rules for dates and times, to be applied before those of plain numbers."""
    return [
        (r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b", lambda m: _numeric_date(m, 2, 3, 1)),
        (r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b", lambda m: _numeric_date(m, 1, 2, 3)),
        (
            rf"\b({_MONTH}) {_DAY}\s?[-–]\s?{_DAY}(?:,? (\d{{4}}))?(?!\d|:|,\d)\b",
            lambda m: f"{_date(_month_name(m[1]), m[2], None)} to {_day_year(m[3], m[4])}",
        ),
        (
            rf"\b({_MONTH}) {_DAY}(?:,? (\d{{4}}))?(?!\d|:|,\d)\b",
            lambda m: _date(_month_name(m[1]), m[2], m[3]),
        ),
        (
            rf"\b(?:the )?{_DAY} (?:of )?({_MONTH})(?:,? (\d{{4}}))?\b",
            lambda m: _date(_month_name(m[2]), m[1], m[3], of=True),
        ),
        (
            rf"\b{_CLOCK}\s?[-–—]\s?{_CLOCK}",
            lambda m: f"{_clock(m, 1, short=True)} to {_clock(m, 5, short=True)}",
        ),
        (rf"\b{_CLOCK}", _clock),
        (
            r"\b(\d{1,2})(?:\s?([AaPp])(?:\.[Mm]\.|[Mm]\b))?\s?[-–—]\s?(\d{1,2})\s?([AaPp])(?:\.[Mm]\.|[Mm]\b)",
            lambda m: f"{_hour(m[1], m[2])} to {_hour(m[3], m[4])}",
        ),
        (r"\b(\d{1,2})\s?([AaPp])(?:\.[Mm]\.|[Mm]\b)", lambda m: _hour(m[1], m[2])),
        (r"(?:^|(?<=[\s(]))(1000?)s\b", lambda m: "thousands" if m[1] == "1000" else "hundreds"),
        (r"\b(\d{3}0|(?<!')\d0)'?s\b", _decade),
        (r"'(\d0)s\b", _decade),
        (r"(?<=\w )'(\d\d)\b(?!['s])", lambda m: _short_year(m[1])),
    ]


def year_rules() -> list[Entry]:
    """Rules for years that stand alone, to be applied after measures and ranges."""
    return [
        (
            rf"({_YEAR_BEFORE})(1[0-9]\d\d|20\d\d)(?![\d.,:]\d|\d|\s?%)\b(?!\s(?:people|men|women|"
            r"of|years|days|hours|other|different|more|such|students|users|times|points)\b)",
            lambda m: m[1] + year(int(m[2])),
        ),
        (rf"(?<![\d.,$])\b(1[1-9]\d\d|20[0-9]\d)\b{_YEAR_AFTER}", lambda m: year(int(m[1]))),
    ]


def _month_name(text: str) -> str:
    return _MONTH_SHORT.get(text.rstrip("."), text)


def _day_year(day: str, year_text: str | None) -> str:
    return ordinal(int(day)) + (f", {year(int(year_text))}" if year_text else "")


def _date(month: str, day: str, year_text: str | None, of: bool = False) -> str:
    if of:
        head = f"the {ordinal(int(day))} of {month}"
        return head + (f", {year(int(year_text))}" if year_text else "")
    return f"{month} {_day_year(day, year_text)}"


def _numeric_date(match: re.Match[str], month: int, day: int, year_group: int) -> str:
    number_of_month, number_of_day = int(match[month]), int(match[day])
    if number_of_month > 12 >= number_of_day and year_group == 3:  # 25/12/2024
        number_of_month, number_of_day = number_of_day, number_of_month
    if not (1 <= number_of_month <= 12 and 1 <= number_of_day <= 31):
        return match[0]
    value = match[year_group]
    full = value if len(value) == 4 else str((1900 if int(value) > 50 else 2000) + int(value))
    return _date(MONTHS[number_of_month - 1], str(number_of_day), full)


def _clock(match: re.Match[str], first: int = 1, short: bool = False) -> str:
    """The time whose hour is group ``first``; ``short`` leaves the o'clock out (in ranges)."""
    hour, minute, second, half = (match[first + i] for i in range(4))
    if int(hour) > 24 or int(minute) > 59:
        return f"{cardinal(int(hour))} to {cardinal(int(minute))}"
    words = [cardinal(int(hour))]
    if int(minute):
        words.append(("oh " if int(minute) < 10 else "") + cardinal(int(minute)))
    elif int(hour) > 12 or hour == "00":
        words.append("hundred")
    elif not half and not short:
        words.append("o'clock")
    if second:
        words.append(f"and {cardinal(int(second))} {pluralise('second', int(second) == 1)}")
    return " ".join(words) + (f" `{half[0].upper()}M`" if half else "")


def _hour(hour: str, half: str | None) -> str:
    return cardinal(int(hour)) + (f" `{half.upper()}M`" if half else "")


def _decade(match: re.Match[str]) -> str:
    value = match[1]
    return plural(year(int(value)) if len(value) == 4 else cardinal(int(value)))


def _short_year(text: str) -> str:
    return f"oh {cardinal(int(text))}" if text.startswith("0") else cardinal(int(text))
