"""Readings of characters by what stands around them: the rules of data/mandarin_polyphones.tsv."""

from __future__ import annotations

import re
from dataclasses import dataclass

from secousti.text.mandarin.tables import table_lines

_NUMERALS = "零一二三四五六七八九十百千万亿两"
_CLASSES = {
    "%N": f"(?:[{_NUMERALS}]|几|半|数)",
    "%n": _NUMERALS,
    "%P": "(?:我|你|您|他|她|它|咱|俺|谁)",
    "%E": "$",
}
_REACH = 10  # characters on either side that a rule may look at


@dataclass(frozen=True)
class _Rule:
    reading: str
    before: re.Pattern[str]
    after: re.Pattern[str]

    def fits(self, before: str, after: str) -> bool:
        return bool(self.before.search(before) and self.after.match(after))


class Polyphones:
    """``Polyphones()("两只猫", 1) -> "zhi1"``; None where no rule speaks."""

    def __init__(self) -> None:
        self._rules: dict[str, list[_Rule]] = {}
        for character, reading, *sides in table_lines("mandarin_polyphones.tsv"):
            before, after = (*sides, "", "")[:2]
            rule = _Rule(reading, _pattern(f"(?:{before})$"), _pattern(f"(?:{after})"))
            self._rules.setdefault(character, []).append(rule)

    def __call__(self, phrase: str, index: int) -> str | None:
        """Reading of ``phrase[index]``, as pinyin with tone digit."""
        rules = self._rules.get(phrase[index])
        if rules is None:
            return None
        before = phrase[max(index - _REACH, 0) : index]
        after = phrase[index + 1 : index + 1 + _REACH]
        return next((rule.reading for rule in rules if rule.fits(before, after)), None)


def _pattern(text: str) -> re.Pattern[str]:
    for name, characters in _CLASSES.items():
        text = text.replace(name, characters)
    return re.compile(text)
