"""Amounts of money in English words."""

from __future__ import annotations

import re

from secousti.text.english.numbers import NUMBER, cardinal, number
from secousti.text.english.units import CURRENCY, CURRENCY_PATTERN, pluralise

_SCALE_WORD = {
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million",
    "bn": "billion", "B": "billion", "b": "billion", "tn": "trillion", "T": "trillion",
}  # fmt: skip
_SCALES = "hundred|thousand|million|billion|trillion|k|K|mn|m|M|bn|b|B|tn|T"
_SCALE = rf"(?:\s?({_SCALES})\b)?"
_DASH = r"\s?[-–—]\s?"
_ATTRIBUTE = (
    r"(?<![\w])(?P<article>(?:[Aa]n?|[Aa]nother|[Tt]his|[Tt]hat|[Ee]ach|[Ee]very|[Tt]he|per) )"
)
_NO_NOUN = (
    "a|an|the|per|and|or|to|for|in|on|at|of|is|was|are|were|by|from|with|each|every|more|less|off|million|billion|trillion|thousand|hundred|"
    "but|as|if|than|that|this|now|today|when|which|who|it|he|she|they|we|i|you|has|had|have|will|"
    "would|could|only|total|extra|apiece|would|after|before|over|under|up|out|so|because|while"
)
_AMOUNT = re.compile(
    rf"(?:{_ATTRIBUTE})?(?P<sign>(?<![\w)])[-+])?(?P<symbol>{CURRENCY_PATTERN})\s?(?P<minus>-)?"
    rf"(?P<amount>{NUMBER})(?:\s?(?P<scale>{_SCALES})\b)?"
    rf"(?P<noun>(?=[ -](?!(?:{_NO_NOUN})\b)[a-z]{{3,}}))?"
)
_BEHIND = re.compile(
    rf"(?P<sign>(?<!\w)-)?(?<![\d.])({NUMBER}){_SCALE}\s?"
    r"(€|£|¥|₹|₩|USD|EUR|GBP|RMB|CNY|JPY|AUD|CAD|HKD|CHF|INR|KRW|BTC)(?![A-Za-z\d])"
)
_RANGE = re.compile(
    rf"(?<!\w)({CURRENCY_PATTERN})\s?({NUMBER}){_SCALE}{_DASH}"
    rf"(?:{CURRENCY_PATTERN})?({NUMBER}){_SCALE}(?![\d-])"
)
_EACH = re.compile(
    r"(?<=[a-z])/(?=(?:month|mo|year|yr|day|week|wk|hour|hr|minute|min|night|person|unit|item|kg|lb|"
    r"mile|user|seat|share|barrel|ton|liter|gallon|piece|head|student|sq)\b)"
)
_SHORT = {
    "mo": "month", "yr": "year", "wk": "week", "hr": "hour", "min": "minute", "kg": "kilogram",
    "lb": "pound",
}  # fmt: skip


def spell_money(text: str) -> str:
    """Replace amounts of money in ``text`` by words: $1.2bn -> one point two billion dollars."""
    text = _RANGE.sub(_range, text)
    text = _AMOUNT.sub(_amount, text)
    text = _BEHIND.sub(lambda m: _signed(m["sign"]) + _money(m[4], m[2], m[3]), text)
    text = re.sub(rf"({NUMBER})\s?¢", lambda m: f"{number(m[1])} {pluralise('cent', m[1] == '1')}", text)  # fmt: skip # noqa: E501
    text = _EACH.sub(" per ", text)
    return re.sub(rf"(?<= per )({'|'.join(_SHORT)})\b", lambda m: _SHORT[m[1]], text)


def _range(match: re.Match[str]) -> str:
    symbol, low, low_scale, high, high_scale = match.groups()
    unit = pluralise(CURRENCY[symbol][0], False)
    first = number(low) + (f" {_scale(low_scale)}" if low_scale else "")
    second = number(high) + (f" {_scale(high_scale)}" if high_scale else "")
    return f"{first} to {second} {unit}"


def _amount(match: re.Match[str]) -> str:
    single = match["article"] is not None and match["noun"] is not None
    words = _money(match["symbol"], match["amount"], match["scale"], single)
    return (match["article"] or "") + _signed(match["sign"] or match["minus"]) + words


def _signed(sign: str | None) -> str:
    return {"-": "minus ", "+": "plus "}.get(sign or "", "")


def _scale(text: str) -> str:
    return _SCALE_WORD.get(text, text)


def _money(symbol: str, amount: str, scale: str | None, single: bool = False) -> str:
    unit, cent = CURRENCY[symbol]
    if scale:
        return f"{number(amount)} {_scale(scale)} {pluralise(unit, single)}"
    whole, _, fraction = amount.replace(",", "").partition(".")
    if len(fraction) != 2 or not cent:
        return f"{number(amount)} {pluralise(unit, amount == '1' or single)}"
    parts = []
    if int(whole or 0) or not int(fraction):
        one = int(whole or 0) == 1 or single
        parts.append(f"{cardinal(int(whole or 0))} {pluralise(unit, one)}")
    if int(fraction):
        parts.append(f"{cardinal(int(fraction))} {pluralise(cent, int(fraction) == 1 or single)}")
    return " and ".join(parts)
