"""Mandarin numbers as characters: cardinals, digit strings, decimals."""

from __future__ import annotations

_DIGITS = "零一二三四五六七八九"
_SMALL = ("", "十", "百", "千")
NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"


def cardinal(number: int) -> str:
    """10 -> 十, 10500 -> 一万零五百, 110000 -> 十一万."""
    if number >= 10**16:
        return digits(str(number))
    text = _cardinal(number) or "零"
    return text[1:] if text.startswith("一十") else text


def digits(text: str, telephone: bool = False) -> str:
    """Digit by digit; a telephone number says 幺 for 1."""
    spoken = "".join(_DIGITS[int(char)] for char in text if char.isascii() and char.isdigit())
    return spoken.replace("一", "幺") if telephone else spoken


def number(text: str) -> str:
    """A written number with commas, sign and decimal point: -3.14 -> 负三点一四."""
    text = text.replace(",", "")
    sign = "负" if text[0] in "-−" else ""
    whole, _, fraction = text.lstrip("-−+").partition(".")
    if len(whole) > 1 and whole.startswith("0") and not fraction:
        return sign + digits(whole)
    return sign + cardinal(int(whole)) + (f"点{digits(fraction)}" if fraction else "")


def name_digits(text: str, telephone: bool = False) -> str:
    """The figure of a name: A4 -> 四, G20 -> 二十, RTX4090 -> 四零九零."""
    if len(text) > 2 or text.startswith("0") or telephone:
        return digits(text, telephone)
    return cardinal(int(text))


def _cardinal(number: int) -> str:
    for unit, name in ((10**8, "亿"), (10**4, "万")):
        high, low = divmod(number, unit)
        if high:
            gap = "零" if 0 < low < unit // 10 else ""
            return _cardinal(high) + name + gap + _cardinal(low)
    return _group(number)


def _group(group: int) -> str:
    text, pending = "", False
    for place in (3, 2, 1, 0):
        digit = group // 10**place % 10
        if digit == 0:
            pending = bool(text)
            continue
        text += ("零" if pending else "") + _DIGITS[digit] + _SMALL[place]
        pending = False
    return text
