"""Mandarin text to spoken characters: numbers, dates, times, money, measures and symbols.

``RULES`` is a list of (pattern, replacement) applied in order: what is more specific comes first.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from secousti.text.mandarin.numbers import NUMBER, cardinal, digits, number
from secousti.text.mandarin.units import (
    MONEY,
    MONEY_PATTERN,
    SYMBOLS,
    UNIT_PATTERN,
    UNITS,
    takes_two,
)

Replacement = Callable[[re.Match[str]], str]
Entry = tuple[str, Replacement]
_FREE = r"(?<![\d.,])"  # no part of a longer number before it
_TO = r"\s?(?:[~～-]|[—–]{1,2})\s?"
_CODE = (
    "身份证|证件|学号|工号|卡号|账号|帐号|编号|订单|单号|邮编|邮政编码|验证码|校验码|密码|代码|尾号|"
    "车牌|门牌|牌照|群号|QQ|qq|手机|号码|电话|热线|拨打|请拨|报警|传真|座机|航班|股票"
)
_SCORE_AFTER = (
    "大?胜|获胜|取胜|战胜|击败|领先|落后|负于|告负|战平|打平|逆转|力克|完胜|惜败|不敌|横扫"
)


def normalize_mandarin(text: str) -> str:
    """Spoken form of Mandarin text; characters without a Mandarin reading stay for the caller."""
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return "".join(SYMBOLS.get(char, char) for char in text)


def _counted(text: str, following: str) -> str:
    """A cardinal before a measure word: 2个 is 两个, 2000 is 两千, 12个 stays 十二个."""
    spoken = number(text)
    if spoken == "二" and takes_two(following):
        return "两"
    return re.sub(r"^二(?=[千万亿])", "两", spoken)


def _rest(match: re.Match[str]) -> str:
    return match.string[match.end() :].lstrip()


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
    return f"{'零下' if match[1] else ''}{number(match[2])}{UNITS[match[3]]}"


def _temperatures(match: re.Match[str]) -> str:
    low = ("零下" if match[1] else "") + number(match[2])
    high = ("零下" if match[3] else "") + number(match[4])
    return f"{low}到{high}{UNITS[match[5]]}"


def _measure(match: re.Match[str]) -> str:
    unit = UNITS[match[3]]
    return ("负" if match[1] else "") + _counted(match[2], unit) + unit


def _money(match: re.Match[str]) -> str:
    sign = "负" if match[1] else ""
    amount = re.sub(r"(?<=\d)\.0+$", "", match[3])
    scale = {"w": "万", "k": "千"}.get(match[4] or "", match[4] or "")
    return sign + _counted(amount, scale or "元") + scale + MONEY[match[2]]


def _range(match: re.Match[str]) -> str:
    following = _rest(match)
    if len(match[1]) == len(match[2]) == 4 and following[:1] == "年":
        return f"{digits(match[1])}到{digits(match[2])}"
    return f"{_counted(match[1], following)}到{_counted(match[2], following)}"


def _percent(match: re.Match[str]) -> str:
    return f"{'负' if match[1] else ''}百分之{number(match[2])}"


def _ratio(match: re.Match[str]) -> str:
    return "比".join(number(part) for part in re.split("[:：-]", match[0]))


def _code(match: re.Match[str]) -> str:
    return match[1] + match[2] + digits(match[3], telephone=True)


def _telephone(match: re.Match[str]) -> str:
    return "，".join(digits(part, telephone=True) for part in match.groups() if part)


def _arithmetic() -> list[Entry]:
    return [
        (r"!=|<>", lambda m: "≠"),
        (r"<=|=<", lambda m: "≤"),
        (r">=", lambda m: "≥"),
        (r"==+", lambda m: "="),
        (rf"(?<=[\d)）])\s?-\s?(?={NUMBER}\s?(?:[-+×÷*]\s?{NUMBER}\s?)*=)", lambda m: "减"),
        (r"(?<=[\d²³%a-zA-Z])\s?[*xX×]\s?(?=[\d(])(?!x\d*[A-Za-z])", lambda m: "乘以"),
        (rf"\^\s?(-?)({NUMBER})", lambda m: f"的{'负' if m[1] else ''}{number(m[2])}次方"),
    ]


def _telephones() -> list[Entry]:
    return [
        (rf"{_FREE}(?:\+?86[- ]?)?(1[3-9]\d)[- ]?(\d{{4}})[- ]?(\d{{4}})(?!\d)", _telephone),
        (rf"{_FREE}([48]00)[- ](\d{{3,4}})[- ](\d{{3,4}})(?!\d)", _telephone),
        (rf"{_FREE}[(（]?(0\d{{2,3}})(?:-|[)）]\s?)(\d{{7,8}})(?!\d)", _telephone),
        (rf"({_CODE})((?:号码|号|码|为|是|打|[:：]|\s){{0,3}})(\d{{3,}})(?![\d.]|[个元块人])",
         _code),
        (r"(?<![\d.])(12306|12315|12345|12366|10086|10010|95\d{3})(?![\d.,]|[个元人万家台次米])",
         lambda m: digits(m[1], telephone=True)),
        (r"(?<!\d)(110|119|120|122)(?=报警|急救|火警|指挥|接警|出警|救护|电话)",
         lambda m: digits(m[1], telephone=True)),
        (r"(?<![\d.])(\d{3,4})(?=(?:室|房间|病房|教室|房|寝室|宿舍|包厢|展厅)(?!价|产|地))",
         lambda m: digits(m[1], telephone=True)),
        (r"(?<![\d.])(\d{3})(?=路(?:公交|车|公共|电车|[，。,]|$))", lambda m: digits(m[1], True)),
        (r"(?<=波音)(\d{3})|(?<=空客)A?(\d{3})|(?<![\d.])(985|211|996|007)(?=高校|大学|院校|工程|工作制|制)"
         r"|(?<![\d.])(618|315|1024)(?=大促|购物|活动|期间|晚会|程序员|年中)",
         lambda m: digits(m[0])),
    ]  # fmt: skip


def _dates() -> list[Entry]:
    return [
        (rf"{_FREE}(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}})(?!\d)", _date),
        (rf"(?<=[年月日号点分秒时天周岁元度米斤%％个楼层级页章节℃]){_TO}(?=[\d￥¥$-])",
         lambda m: "到"),
        (rf"((?:比分|比例|比值|配比|汇率|比率|赔率)(?:是|为|约|[:：])?\s?){NUMBER}[:：-]{NUMBER}",
         lambda m: m[1] + _ratio_of(m[0][len(m[1]):])),
        (rf"{_FREE}\d{{1,3}}[:：-]\d{{1,3}}(?=\s?(?:{_SCORE_AFTER}))", _ratio),
        (rf"{_FREE}(\d+)[:：](\d|\d{{3,}})(?![\d:：])", _ratio),
        (rf"{_FREE}(\d+\.\d+|\d+)[:：](\d+\.\d+)", _ratio),
        (rf"{_FREE}(\d{{1,2}})[:：](\d{{2}})(?:[:：](\d{{2}}))?(?!\d)", _time),
        (r"(?<=[分整秒])\s?[-~～—–至]{1,2}\s?(?=[一二三四五六七八九十两零])", lambda m: "到"),
        (rf"{_FREE}(\d{{4}}){_TO}(\d{{4}})(?=年)", lambda m: f"{digits(m[1])}到{digits(m[2])}"),
        (rf"{_FREE}(\d{{4}})(?=年(?!前|后|来|以|级|间|左|多|的历史))", lambda m: digits(m[1])),
        (rf"{_FREE}([12]\d{{3}})(?=届|版|款|赛季|财年|级新生|级学)", lambda m: digits(m[1])),
        (rf"{_FREE}(\d{{2}})(?=后(?:$|[^\d]))", lambda m: digits(m[1])),
        (rf"{_FREE}(\d{{2}})(?=年代)", lambda m: cardinal(int(m[1]))),
        (rf"{_FREE}(0\d)(?=年(?![前后来以]))", lambda m: digits(m[1])),
        (rf"{_FREE}0(\d)(?=月|日|点|时|分|秒)", lambda m: cardinal(int(m[1]))),
    ]  # fmt: skip


def _amounts() -> list[Entry]:
    degree = "℃|°C|℉|°F"
    return [
        (rf"(-)?({MONEY_PATTERN})\s?({NUMBER})\s?([万亿千百]|[wk](?![A-Za-z]))?", _money),
        (rf"(?<![\d.,])(-)?({NUMBER})(?:\s?[%％])?{_TO}({NUMBER})\s?[%％]",
         lambda m: f"{'负' if m[1] else ''}百分之{number(m[2])}到百分之{number(m[3])}"),
        (rf"(?<![A-Za-z\d.])([-−])?(?<![\d.,])({NUMBER})\s?[%％]", _percent),
        (rf"{_FREE}({NUMBER})\s?‰", lambda m: f"千分之{number(m[1])}"),
        (rf"(?<![A-Za-z\d.])(-)?({NUMBER})(?:\s?(?:{degree}))?{_TO}(-)?({NUMBER})\s?({degree})",
         _temperatures),
        (rf"(?<![A-Za-z\d.])(-)?(?<![\d.,])({NUMBER})\s?({degree})", _temperature),
        (rf"{_FREE}({NUMBER}){_TO}({NUMBER})\s?({UNIT_PATTERN})(?![A-Za-z²³])",
         lambda m: f"{number(m[1])}到{_counted(m[2], UNITS[m[3]])}{UNITS[m[3]]}"),
        (rf"(?<![A-Za-z\d.])(-)?(?<![\d.,])({NUMBER})\s?({UNIT_PATTERN})(?![A-Za-z²³])", _measure),
        (rf"{_FREE}({NUMBER})([wWkK])(?=\+|[^A-Za-z\d]|$)(?![A-Za-z])", _scaled),
        (r"(?<![\d/])(\d+)\s(\d+)/(\d+)(?![\d/])",
         lambda m: f"{cardinal(int(m[1]))}又{cardinal(int(m[3]))}分之{cardinal(int(m[2]))}"),
        (rf"{_FREE}(\d+)/(\d+)(?![\d/])",
         lambda m: f"{cardinal(int(m[2]))}分之{cardinal(int(m[1]))}"),
    ]  # fmt: skip


def _scaled(match: re.Match[str]) -> str:
    """10w is 十万 and 5k is 五千 as people write them; 4K and 60W are names and watts."""
    if match[2] in "WK":
        return match[0]
    unit = "万" if match[2] == "w" else "千"
    return _counted(match[1], unit) + unit


def _ratio_of(text: str) -> str:
    return "比".join(number(part) for part in re.split("[:：-]", text.strip()))


def _numbers() -> list[Entry]:
    return [
        (rf"{_FREE}({NUMBER}){_TO}({NUMBER})(?![\d-])", _range),
        (r"(?<=第)(\d+)", lambda m: cardinal(int(m[1]))),
        (rf"(?<![\d.,A-Za-z])-(?={NUMBER})", lambda m: "负"),
        (r"(?<![\d.,])0\d+(?![\d.])", lambda m: digits(m[0])),
        (r"\d+(?:\.\d+){2,}", lambda m: "点".join(digits(part) for part in m[0].split("."))),
        (NUMBER, lambda m: _counted(m[0], _rest(m))),
        (r"(?<=[元个次人万千亿块])/(?=[\u4e00-\u9fff])", lambda m: "每"),
    ]


def _rules() -> list[tuple[re.Pattern[str], Replacement]]:
    table: list[Entry] = [
        (r"\d{17,}", lambda m: digits(m[0])),  # no quantity has so many; also bounds all below
        *_arithmetic(),
        *_telephones(),
        *_dates(),
        *_amounts(),
        *_numbers(),
    ]
    return [(re.compile(pattern), replacement) for pattern, replacement in table]


RULES = _rules()
