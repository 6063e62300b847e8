"""Labels of Mandarin aligners -> symbols of the inventory, in the light of their neighbours.

Aligners with pinyin dictionaries agree on initials and tones, not on spelling: a final may be
written as pinyin spells it (``iu3``, ``un2``, the ``i`` of ``zhi`` and the ``u`` of ``ju``), as it
is spoken (``iou3``, ``uen2``), behind the letters ``y`` and ``w``, or with its nasal apart
(``ua1`` ``ng``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from data_prep.manifest import Interval
from secousti.text.inventory import PINYIN_FINALS, PINYIN_INITIALS, canonical
from secousti.text.mandarin.syllables import split_syllable

_FINAL = re.compile(r"([a-zêüv:]+)([1-5])")
_CLOSE = 1e-3  # seconds; labels this near belong to one syllable


def mandarin_symbols(phones: Sequence[Interval]) -> list[Interval]:
    """The same intervals with inventory symbols; two labels of one sound become one interval.

    A label that is none of these stays as it is, for the caller to refuse.
    """
    joined: list[Interval] = []
    for interval in _with_codas(phones):
        previous = joined[-1] if joined else None
        symbols = _together(previous, interval) if previous is not None else None
        if previous is None or symbols is None:
            joined.append((*interval[:2], _alone(interval[2])))
        elif len(symbols) == 1:
            joined[-1] = (previous[0], interval[1], symbols[0])
        else:
            joined[-1] = (*previous[:2], symbols[0])
            joined.append((*interval[:2], symbols[1]))
    return joined


def _with_codas(phones: Sequence[Interval]) -> list[Interval]:
    """``ua1`` and a following ``ng`` (``n``, ``r`` that begin no syllable) as ``uang1``."""
    joined: list[Interval] = []
    for place, (start, end, label) in enumerate(phones):
        found = _FINAL.fullmatch(joined[-1][2].lower()) if joined else None
        coda = label if label in ("n", "ng", "r") else ""
        whole = found[1] + coda if found and coda else ""
        begins = coda in ("n", "r") and place + 1 < len(phones) and _is_final(phones[place + 1][2])
        if found and whole in PINYIN_FINALS and not begins and start - joined[-1][1] < _CLOSE:
            joined[-1] = (joined[-1][0], end, whole + found[2])
        else:
            joined.append((start, end, label))
    return joined


def _together(before: Interval, after: Interval) -> list[str] | None:
    """The symbols of an initial (or ``y``, ``w``) and the final behind it."""
    initial, final = before[2].lower(), after[2].lower()
    if initial not in (*PINYIN_INITIALS, "y", "w") or not _is_final(final):
        return None
    return split_syllable(initial + final) if after[0] - before[1] < _CLOSE else None


def _alone(label: str) -> str:
    symbol = canonical(label, "zh")
    if symbol is None and _is_final(label):
        symbols = split_syllable(label)
        return symbols[0] if symbols and len(symbols) == 1 else label
    return symbol if symbol is not None else label


def _is_final(label: str) -> bool:
    match = _FINAL.fullmatch(label.lower())
    return match is not None and match[1][0] in "aeiouvêü"
