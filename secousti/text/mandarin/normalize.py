"""Mandarin text to spoken characters: numbers, dates, times, money, measures and symbols."""

from __future__ import annotations

import re
from collections.abc import Callable

_DIGITS = "零一二三四五六七八九"
_SMALL = ("", "十", "百", "千")
_UNITS = {
    "km/h": "公里每小时", "m/s": "米每秒", "km²": "平方公里", "m²": "平方米", "m³": "立方米",
    "㎡": "平方米", "km": "公里", "cm": "厘米", "mm": "毫米", "nm": "纳米", "m": "米",
    "kg": "公斤", "mg": "毫克", "g": "克", "t": "吨", "L": "升", "l": "升", "ml": "毫升",
    "mL": "毫升", "kW": "千瓦", "W": "瓦", "kWh": "千瓦时", "V": "伏", "mAh": "毫安时",
    "Hz": "赫兹", "kHz": "千赫兹", "MHz": "兆赫兹", "GHz": "吉赫兹", "dB": "分贝",
    "℃": "摄氏度", "°C": "摄氏度", "℉": "华氏度", "°F": "华氏度", "°": "度", "h": "小时",
    "min": "分钟", "s": "秒", "ms": "毫秒",
}  # fmt: skip
UNIT_PATTERN = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_MONEY = {
    "US$": "美元", "$": "美元", "￥": "元", "¥": "元", "€": "欧元", "£": "英镑", "HK$": "港元",
}  # fmt: skip
_TWO_OF = set("个位名只条张本件台辆套双对次天年岁周遍种场家间座块片杯瓶碗把支首部层句段篇份匹头"
              "棵朵颗粒滴点元千万亿斤米吨升秒倍户届项群组队批排步门艘架幅顶扇封顿趟人")  # fmt: skip
_TWO_OF_WORDS = ("小时", "分钟", "公里", "公斤", "星期", "平方", "千克", "美元", "厘米", "欧元")
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_SYMBOLS = {
    "+": "加", "=": "等于", "×": "乘", "÷": "除以", "%": "百分号", "&": "和", "@": "艾特",
    "#": "井号", "°": "度", "<": "小于", ">": "大于", "±": "正负", "≈": "约等于", "~": "到",
    "～": "到", "$": "美元", "￥": "元", "¥": "元", "/": "、", "*": " ", "_": " ", "·": " ",
    "•": " ", "^": " ", "|": " ",
}  # fmt: skip


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


def normalize_mandarin(text: str) -> str:
    """Spoken form of Mandarin text; characters without a Mandarin reading stay for the caller."""
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return "".join(_SYMBOLS.get(char, char) for char in text)


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


def _counted(text: str, following: str) -> str:
    """A cardinal before a measure word: 2个 is 两个, 2000 is 两千, 12个 stays 十二个."""
    spoken = number(text)
    if spoken == "二" and (following[:1] in _TWO_OF or following.startswith(_TWO_OF_WORDS)):
        return "两"
    return re.sub(r"^二(?=[千万亿])", "两", spoken)


def _plain(match: re.Match[str]) -> str:
    return _counted(match[0], match.string[match.end() :].lstrip())


def _date(match: re.Match[str]) -> str:
    month, day = int(match[2]), int(match[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{digits(match[1])}年{cardinal(month)}月{cardinal(day)}日"


def _time(match: re.Match[str]) -> str:
    hour, minute, second = int(match[1]), int(match[2]), match[3]
    if hour > 24 or minute > 59:
        return f"{cardinal(hour)}比{cardinal(minute)}"
    text = ("两" if hour == 2 else cardinal(hour)) + "点"
    if minute or second:
        text += ("零" if 0 < minute < 10 else "") + cardinal(minute) + "分"
    else:
        text += "整"
    return text + (f"{cardinal(int(second))}秒" if second else "")


def _temperature(match: re.Match[str]) -> str:
    sign = "零下" if match[1] else ""
    return f"{sign}{number(match[2])}{_UNITS[match[3]]}"


def _measure(match: re.Match[str]) -> str:
    unit = _UNITS[match[2]]
    return _counted(match[1], unit) + unit


def _money(match: re.Match[str]) -> str:
    scale = match[3] or ""
    return _counted(match[2], scale or "元") + scale + _MONEY[match[1]]


def _range(match: re.Match[str]) -> str:
    following = match.string[match.end() :].lstrip()
    if match[1].endswith("年") or (len(match[1]) == len(match[2]) == 4 and following[:1] == "年"):
        return f"{digits(match[1])}到{digits(match[2])}"
    return f"{_counted(match[1], following)}到{_counted(match[2], following)}"


def _rules() -> list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]:
    money = "|".join(re.escape(symbol) for symbol in sorted(_MONEY, key=len, reverse=True))
    fixed = r"(?<![\d.,])"
    table: list[tuple[str, Callable[[re.Match[str]], str]]] = [
        (r"\d{17,}", lambda m: digits(m[0])),  # no quantity has so many; also bounds all below
        (rf"{fixed}(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}})(?!\d)", _date),
        (r"(?<=比分)\s?(\d+)[:：-](\d+)", lambda m: f"{number(m[1])}比{number(m[2])}"),
        (rf"{fixed}(\d+)[:：](\d)(?!\d)", lambda m: f"{number(m[1])}比{number(m[2])}"),
        (rf"{fixed}(\d{{1,2}})[:：](\d{{2}})(?:[:：](\d{{2}}))?(?!\d)", _time),
        (rf"{fixed}(\d{{4}})(?=年(?!前|后|来|以|级|间|左|多|的历史))", lambda m: digits(m[1])),
        (rf"{fixed}(\d{{2}})(?=后(?:$|[^\d]))", lambda m: digits(m[1])),
        (rf"{fixed}(\d{{2}})(?=年代)", lambda m: cardinal(int(m[1]))),
        (
            rf"{fixed}(?:\+?86[- ]?)?(1[3-9]\d)[- ]?(\d{{4}})[- ]?(\d{{4}})(?!\d)",
            lambda m: digits(m[1] + m[2] + m[3], telephone=True),
        ),
        (
            rf"{fixed}(0\d{{2,3}})-(\d{{7,8}})(?!\d)",
            lambda m: f"{digits(m[1], True)}，{digits(m[2], True)}",
        ),
        (
            r"(拨打|电话|热线|号码|报警|手机|请拨)([:：是为打]?)\s?(\d{3,12})(?!\d)",
            lambda m: m[1] + m[2] + digits(m[3], telephone=True),
        ),
        (rf"({money})\s?({_NUMBER})\s?([万亿千百])?", _money),
        (
            rf"{fixed}({_NUMBER})\s?[%％]\s?[-~～—]\s?({_NUMBER})\s?[%％]",
            lambda m: f"百分之{number(m[1])}到百分之{number(m[2])}",
        ),
        (
            rf"(-)?{fixed}({_NUMBER})\s?[%％]",
            lambda m: f"{'负' if m[1] else ''}百分之{number(m[2])}",
        ),
        (rf"{fixed}({_NUMBER})\s?‰", lambda m: f"千分之{number(m[1])}"),
        (rf"(-)?{fixed}({_NUMBER})\s?(℃|°C|℉|°F)", _temperature),
        (rf"{fixed}({_NUMBER})\s?({UNIT_PATTERN})(?![A-Za-z])", _measure),
        (
            rf"{fixed}(\d+)/(\d+)(?![\d/])",
            lambda m: f"{cardinal(int(m[2]))}分之{cardinal(int(m[1]))}",
        ),
        (rf"{fixed}({_NUMBER})\s?[-~～—–]{{1,2}}\s?({_NUMBER})(?![\d-])", _range),
        (r"(?<=第)(\d+)", lambda m: cardinal(int(m[1]))),
        (rf"(?<![\d.,\w])-(?={_NUMBER})", lambda m: "负"),
        (r"(?<![\d.,])0\d+(?![\d.])", lambda m: digits(m[0])),
        (r"\d+(?:\.\d+){2,}", lambda m: "点".join(digits(part) for part in m[0].split("."))),
        (_NUMBER, _plain),
    ]
    return [(re.compile(pattern), replacement) for pattern, replacement in table]


RULES = _rules()
