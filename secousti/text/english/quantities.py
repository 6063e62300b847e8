"""Dates, times, money, measures and plain numbers in English text, as words.

``RULES`` is a list of (pattern, replacement) that ``spell_numbers`` applies in order: what is more
specific comes first, so that ``$3.50`` is money before ``3.50`` is a decimal.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from secousti.text.english.numbers import cardinal, digits, number, ordinal, plural, year

MONTHS = (
    "January February March April May June July August September October November December"
).split()
_MONTH_SHORT = {month[:3]: month for month in MONTHS} | {"Sept": "September"}
_MONTH = "|".join([*MONTHS, *(rf"{short}\.?" for short in sorted(_MONTH_SHORT, reverse=True))])
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_SCALE = r"(?:\s?(hundred|thousand|million|billion|trillion|k|K|m|M|bn|B)\b)?"
_SCALE_WORD = {
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "bn": "billion",
    "B": "billion",
}  # fmt: skip
_CURRENCY = {
    "$": ("dollar", "cent"), "US$": ("`US` dollar", "cent"), "€": ("euro", "cent"),
    "£": ("pound", "penny"), "¥": ("yen", ""), "₹": ("rupee", "paisa"), "₩": ("won", ""),
    "USD": ("`US` dollar", "cent"), "EUR": ("euro", "cent"), "GBP": ("pound", "penny"),
    "RMB": ("yuan", "fen"), "CNY": ("yuan", "fen"), "JPY": ("yen", ""),
}  # fmt: skip
_INVARIABLE = {"yen", "won", "yuan", "fen", "celsius", "fahrenheit", "hertz", "kilohertz",
               "megahertz", "gigahertz", "percent"}  # fmt: skip
_UNITS = {
    "km/h": "kilometer per hour", "kph": "kilometer per hour", "mph": "mile per hour",
    "m/s": "meter per second", "kbps": "kilobit per second", "Mbps": "megabit per second",
    "Gbps": "gigabit per second", "km": "kilometer", "cm": "centimeter", "mm": "millimeter",
    "m": "meter", "mi": "mile", "ft": "foot", "yd": "yard", "kg": "kilogram",
    "mg": "milligram", "g": "gram", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "L": "liter", "l": "liter", "ml": "milliliter", "mL": "milliliter", "gal": "gallon",
    "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "Hz": "hertz",
    "dB": "decibel", "kW": "kilowatt", "MW": "megawatt", "W": "watt", "kWh": "kilowatt hour",
    "V": "volt", "mV": "millivolt", "mAh": "milliamp hour", "KB": "kilobyte", "kB": "kilobyte",
    "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "ms": "millisecond",
    "s": "second", "sec": "second", "secs": "second", "min": "minute", "mins": "minute",
    "h": "hour", "hr": "hour", "hrs": "hour", "°C": "degree celsius", "℃": "degree celsius",
    "°F": "degree fahrenheit", "℉": "degree fahrenheit", "°": "degree", "%": "percent",
    "sq ft": "square foot", "m²": "square meter", "km²": "square kilometer",
    "m³": "cubic meter", "cm³": "cubic centimeter", "kcal": "kilocalorie", "cal": "calorie",
    "px": "pixel", "tsp": "teaspoon", "tbsp": "tablespoon",
}  # fmt: skip
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}
_YEAR_BEFORE = (
    r"(?:\b(?i:in|since|from|until|till|by|before|after|during|of|year|circa|late|early|mid|"
    rf"summer|winter|spring|autumn|fall|{_MONTH}),? )"
)
_YEAR_AFTER = (
    r"(?=\s*(?:$|[.,;:!?)\"-]|(?:is|was|were|has|had|and|to|the|or|but|when|where|it|he|she|we|"
    r"they|in|at|on|for|with|by|BC|AD|CE|BCE|election|season|edition|Olympics|World)\b))"
)

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def spell_numbers(text: str) -> str:
    """Replace everything with digits in ``text`` by words; letters keep their case."""
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text


def _pluralise(unit: str, one: bool) -> str:
    head, *rest = unit.split(" per ")
    words = head.split()
    counted = 0 if words[0] == "degree" else -1
    if not one and words[counted] not in _INVARIABLE:
        irregular = {"foot": "feet", "inch": "inches", "penny": "pence"}
        words[counted] = irregular.get(words[counted], words[counted] + "s")
    return " per ".join([" ".join(words), *rest])


def _month_name(text: str) -> str:
    return _MONTH_SHORT.get(text.rstrip("."), text)


def _date(month: str, day: str, year_text: str | None, of: bool = False) -> str:
    spoken_day = ordinal(int(day))
    head = f"the {spoken_day} of {month}" if of else f"{month} {spoken_day}"
    return head + (f", {year(int(year_text))}" if year_text else "")


def _numeric_date(match: re.Match[str], month: int, day: int, year_group: int) -> str:
    number_of_month, number_of_day = int(match[month]), int(match[day])
    if not (1 <= number_of_month <= 12 and 1 <= number_of_day <= 31):
        return match[0]
    value = match[year_group]
    full = value if len(value) == 4 else str((1900 if int(value) > 50 else 2000) + int(value))
    return _date(MONTHS[number_of_month - 1], match[day], full)


def _time(match: re.Match[str]) -> str:
    hour, minute, second, half = match[1], match[2], match[3], match[4]
    if int(hour) > 24 or int(minute or 0) > 59:
        return match[0]
    words = [cardinal(int(hour))]
    if int(minute):
        words.append(("oh " if int(minute) < 10 else "") + cardinal(int(minute)))
    elif int(hour) > 12:
        words.append("hundred")
    elif not half:
        words.append("o'clock")
    if second:
        words.append(f"and {cardinal(int(second))} {_pluralise('second', int(second) == 1)}")
    return " ".join(words) + (f" `{half[0].upper()}M`" if half else "")


def _hour(match: re.Match[str]) -> str:
    return f"{cardinal(int(match[1]))} `{match[2][0].upper()}M`"


def _money(symbol: str, amount: str, scale: str | None) -> str:
    unit, cent = _CURRENCY[symbol]
    if scale:
        scale = _SCALE_WORD.get(scale, scale)
        return f"{number(amount)} {scale} {_pluralise(unit, False)}"
    whole, _, fraction = amount.replace(",", "").partition(".")
    if len(fraction) != 2 or not cent:
        return f"{number(amount)} {_pluralise(unit, amount == '1')}"
    parts = []
    if int(whole or 0) or not int(fraction):
        parts.append(f"{cardinal(int(whole or 0))} {_pluralise(unit, int(whole or 0) == 1)}")
    if int(fraction):
        parts.append(f"{cardinal(int(fraction))} {_pluralise(cent, int(fraction) == 1)}")
    return " and ".join(parts)


def _measure(match: re.Match[str]) -> str:
    amount = match[1]
    return f"{number(amount)} {_pluralise(_UNITS[match[2]], amount in ('1', '-1'))}"


def _fraction(match: re.Match[str]) -> str:
    whole, top, bottom = match[1], int(match[2]), int(match[3])
    if bottom == 0 or top >= bottom or bottom > 100:
        return f"{match[1] or ''}{cardinal(top)} over {cardinal(bottom)}"
    name = {2: "half", 4: "quarter"}.get(bottom, ordinal(bottom))
    name = name if top == 1 else {"half": "halves"}.get(name, name + "s")
    spoken = f"{cardinal(top)} {name}"
    if whole:
        spoken = f"{cardinal(int(whole))} and {'a' if top == 1 else cardinal(top)} {name}"
    if match[4]:
        spoken += " " + _pluralise(_UNITS[match[4]], not whole)
    return spoken


def _decade(match: re.Match[str]) -> str:
    value = match[1]
    if len(value) == 4:
        return plural(year(int(value)))
    return plural(cardinal(int(value)))


def _range(match: re.Match[str]) -> str:
    low, high = match[1], match[2]
    say = year if all(len(n) == 4 and "1000" <= n <= "2099" for n in (low, high)) else None
    return " to ".join(say(int(n)) if say else number(n) for n in (low, high))


def _feet_inches(match: re.Match[str]) -> str:
    feet = f"{cardinal(int(match[1]))} {_pluralise('foot', match[1] == '1')}"
    return f"{feet} {cardinal(int(match[2]))}" if match[2] else feet


def _rules() -> list[Rule]:
    currency = "|".join(re.escape(symbol) for symbol in sorted(_CURRENCY, key=len, reverse=True))
    vulgar = "".join(_VULGAR)
    table: list[tuple[str, Callable[[re.Match[str]], str]]] = [
        (r"\d{19,}", lambda m: digits(m[0])),  # no quantity has so many; also bounds all below
        (rf"(\d?)([{vulgar}])", lambda m: f"{m[1]} {_VULGAR[m[2]]}".strip()),
        (r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b", lambda m: _numeric_date(m, 2, 3, 1)),
        (r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b", lambda m: _numeric_date(m, 1, 2, 3)),
        (
            rf"\b({_MONTH}) {_DAY}(?:,? (\d{{4}}))?(?!\d|:|,\d)\b",
            lambda m: _date(_month_name(m[1]), m[2], m[3]),
        ),
        (
            rf"\b(?:the )?{_DAY} (?:of )?({_MONTH})(?:,? (\d{{4}}))?\b",
            lambda m: _date(_month_name(m[2]), m[1], m[3], of=True),
        ),
        (
            r"\b(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s?([AaPp])(?:\.[Mm]\.|[Mm]\b))?(?!\d)",
            _time,
        ),
        (r"\b(\d{1,2})\s?([AaPp])(?:\.[Mm]\.|[Mm]\b)", _hour),
        (
            rf"({currency})\s?({_NUMBER}){_SCALE}",
            lambda m: _money(m[1], m[2], m[3]),
        ),
        (
            rf"({_NUMBER}){_SCALE}\s?(€|£|¥|USD|EUR|GBP|RMB|CNY|JPY)(?![A-Za-z])",
            lambda m: _money(m[3], m[1], m[2]),
        ),
        (r"\b(\d)'(?:(\d{1,2})\")?(?![A-Za-z])", _feet_inches),
        (r"\b(\d+)-?in\b", lambda m: f"{cardinal(int(m[1]))} {_pluralise('inch', m[1] == '1')}"),
        (
            r"(?:\+?1[- .])?\(?\b(\d{3})\)?[- .](?:(\d{3})[- .])?(\d{4})\b",
            lambda m: ", ".join(digits(part) for part in m.groups() if part),
        ),
        (r"\b(\d{3}0|(?<!')\d0)'?s\b", _decade),
        (r"'(\d0)s\b", _decade),
        (rf"(?:\b(\d+) )?\b(\d+)/(\d+)\b(?!/)(?:\s({_UNIT})(?![A-Za-z\d]))?", _fraction),
        (
            rf"(?<![\d.])(-?(?:{_NUMBER}))\s?-?({_UNIT})(?![A-Za-z\d])",
            _measure,
        ),
        (r"\b(\d+(?:,\d{3})*)(?:st|nd|rd|th)\b", lambda m: ordinal(int(m[1].replace(",", "")))),
        (r"(?<![\w-])(\d+(?:\.\d+)?)\s?[-–—~]\s?(\d+(?:\.\d+)?)(?![\w-])", _range),
        (
            rf"({_YEAR_BEFORE})(1[1-9]\d\d|20\d\d)(?![\d.,:]\d|\d|\s?%)\b",
            lambda m: m[1] + year(int(m[2])),
        ),
        (rf"(?<![\d.,$])\b(1[1-9]\d\d|20[0-9]\d)\b{_YEAR_AFTER}", lambda m: year(int(m[1]))),
        (
            rf"(?<![\d.,\w])({_NUMBER})([kKMB])\b",
            lambda m: f"{number(m[1])} {_SCALE_WORD[m[2]]}" if m[2] != "B" else m[0],
        ),
        (r"\b\d+(?:\.\d+){2,}\b", lambda m: " point ".join(map(number, m[0].split(".")))),
        (rf"(?<![\w.])(?<!\w-)([-−+]?(?:{_NUMBER}))(?!\w)", lambda m: number(m[1])),
        (r"\d+(?:\.\d+)?", lambda m: f" {number(m[0])} "),
    ]
    return [(re.compile(pattern), replacement) for pattern, replacement in table]


RULES = _rules()
