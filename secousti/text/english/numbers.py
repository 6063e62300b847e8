"""English numbers as words: cardinals, ordinals, years, decimals, digit strings."""

from __future__ import annotations

import re

from secousti.errors import require

_DIGITS = "zero one two three four five six seven eight nine".split()
NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_LARGEST = 10**36  # beyond it a number is read digit by digit


def cardinal(number: int) -> str:
    """123 -> "one hundred twenty three" (American: without "and")."""
    if abs(number) >= _LARGEST:
        return ("minus " if number < 0 else "") + digits(str(abs(number)))
    return _plain(require("num2words", "data").num2words(number))


def ordinal(number: int) -> str:
    """21 -> "twenty first"."""
    if number >= _LARGEST:
        return cardinal(number)
    return _plain(require("num2words", "data").num2words(number, to="ordinal"))


def digits(text: str) -> str:
    """Every digit by itself: "007" -> "zero zero seven"; other characters are left out."""
    return " ".join(_DIGITS[int(char)] for char in text if char.isascii() and char.isdigit())


def number(text: str) -> str:
    """A written number: commas, one decimal point, a leading zero or sign are understood."""
    text = text.replace(",", "")
    sign = {"-": "minus ", "+": "plus "}.get(text[:1], "")
    whole, _, fraction = text.lstrip("+-").partition(".")
    if fraction:
        return f"{sign}{cardinal(int(whole or 0))} point {digits(fraction)}"
    if len(whole) > 1 and whole.startswith("0"):
        return sign + digits(whole)
    return sign + cardinal(int(whole))


def year(value: int) -> str:
    """1984 -> "nineteen eighty four", 2005 -> "two thousand five", 1900 -> "nineteen hundred"."""
    high, low = divmod(value, 100)
    if value < 1000 or value > 2999 or 2000 <= value <= 2009 or value % 1000 == 0:
        return cardinal(value)
    if low == 0:
        return f"{cardinal(high)} hundred"
    if low < 10:
        return f"{cardinal(high)} oh {cardinal(low)}"
    return f"{cardinal(high)} {cardinal(low)}"


def plural(words: str) -> str:
    """The plural of a number's words: "nineteen eighty" -> "nineteen eighties"."""
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith(("x", "s")) else "s")


def roman(text: str) -> int | None:
    """The value of a Roman numeral in capitals up to 3999, None when it is none."""
    pattern = r"M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})"
    if not text or not re.fullmatch(pattern, text):
        return None
    worth = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
    values = [worth[char] for char in text]
    following = [*values[1:], 0]
    return sum(-v if v < after else v for v, after in zip(values, following, strict=True))


def _plain(words: str) -> str:
    return re.sub(r"[\s,-]+", " ", words.replace(" and ", " ")).strip()
