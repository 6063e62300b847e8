"""Alignments from Praat TextGrids, as the Montreal Forced Aligner writes them.

Both text formats of Praat's manual page "TextGrid file formats" are read: the long one with
``xmin = 0`` and the short one with bare values. In either, what counts is the sequence of numbers
and quoted strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data_prep.alignment.base import Aligner, Alignment, Utterance, fill_silences
from data_prep.manifest import Interval
from secousti.errors import SecoustiError
from secousti.text.inventory import SILENCE, canonical

# Free-standing strings, numbers and flags; words such as `xmin =` and `item [1]:` are decoration.
_TOKEN = re.compile(
    r'"((?:[^"]|"")*)"|<(\w+)>|(?<![\w\[.])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w\]])'
)
_ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb": "utf-8-sig"}


@dataclass(frozen=True)
class Tier:
    """One interval tier: ``[start_s, end_s, label]``, empty labels included."""

    name: str
    intervals: list[Interval]


class TextGridAligner(Aligner):
    """Takes each alignment from ``<audio without suffix>.TextGrid``.

    Arguments:
        folder: where the TextGrids lie, by the row's id, its audio path or its file name; None
            looks beside the audio.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None and not folder.is_dir():
            raise SecoustiError(f"there is no folder of TextGrids at {folder}")
        self.folder = folder

    def align(self, utterance: Utterance) -> Alignment:
        """The tiers ``words`` and ``phones`` of the row's TextGrid.

        Raises:
            SecoustiError: no TextGrid, a faulty one, or a label outside the inventory.
        """
        path = self._find(utterance)
        tiers = read_textgrid(path)
        phones, words = _tier(tiers, "phones", path), _tier(tiers, "words", path)
        language = utterance.row.language
        timed = [(start, end, _symbol(label, language, path)) for start, end, label in phones]
        spoken = [word for word in words if canonical(word[2]) != SILENCE]
        return Alignment(fill_silences(timed, utterance.row.duration), spoken)

    def _find(self, utterance: Utterance) -> Path:
        row = utterance.row
        audio = Path(row.audio_path(utterance.root))
        folder = self.folder
        stems = [audio.with_suffix("")]
        if folder is not None:
            stems = [
                folder / name for name in (row.id, Path(row.audio).with_suffix(""), audio.stem)
            ]
        for stem in stems:
            path = stem.with_name(stem.name + ".TextGrid")
            if path.is_file():
                return path
        raise SecoustiError(f"there is no TextGrid {stems[-1]}.TextGrid")


def read_textgrid(path: Path) -> list[Tier]:
    """Interval tiers of a TextGrid in Praat's long or short text format; point tiers are skipped.

    Raises:
        SecoustiError: the file is unreadable, in the binary format, or cut short.
    """
    try:
        data = path.read_bytes()
        text = data.decode(_ENCODINGS.get(data[:2], "utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SecoustiError(f"{path} cannot be read as text ({error})") from None
    tokens = _TOKEN.finditer(text)
    try:
        if _next(tokens, 1) != "ooTextFile" or _next(tokens, 1) != "TextGrid":
            raise SecoustiError(f"{path} is not a TextGrid in text format")
        _next(tokens, 3), _next(tokens, 3), _next(tokens, 2)  # start, end, <exists>
        tiers = [_read_tier(tokens) for _ in range(int(_next(tokens, 3)))]
    except (StopIteration, IndexError, ValueError) as error:
        if isinstance(error, SecoustiError):
            raise
        raise SecoustiError(f"{path} is cut short or not a TextGrid") from None
    return [tier for tier in tiers if tier is not None]


def _read_tier(tokens: Iterable[re.Match[str]]) -> Tier | None:
    kind, name = _next(tokens, 1), _next(tokens, 1)
    _next(tokens, 3), _next(tokens, 3)
    count = int(_next(tokens, 3))
    if kind == "TextTier":
        for _ in range(count):
            _next(tokens, 3), _next(tokens, 1)
        return None
    if kind != "IntervalTier":
        raise ValueError(kind)
    intervals = [
        (float(_next(tokens, 3)), float(_next(tokens, 3)), _next(tokens, 1)) for _ in range(count)
    ]
    return Tier(name, intervals)


def _next(tokens: Iterable[re.Match[str]], group: int) -> str:
    """The next token, which must be of a kind: 1 a string, 2 a flag, 3 a number."""
    match = next(iter(tokens))
    if match.lastindex != group:
        raise ValueError(match.group())
    return match.group(group).replace('""', '"')


def _tier(tiers: list[Tier], name: str, path: Path) -> list[Interval]:
    """The tier of that name, or the only one that ends in it (``speaker - phones``)."""
    found = [tier for tier in tiers if tier.name.lower().endswith(name)]
    if len(found) != 1:
        names = ", ".join(tier.name for tier in tiers) or "none"
        raise SecoustiError(f"{path} should have one tier '{name}'; its tiers are: {names}")
    return found[0].intervals


def _symbol(label: str, language: str, path: Path) -> str:
    symbol = canonical(label, None if language == "mixed" else language)
    if symbol is None:
        raise SecoustiError(
            f"{path} has the label {label!r}, which is no phoneme of the inventory; align with an "
            "ARPAbet or pinyin dictionary (for MFA: english_us_arpa, mandarin_pinyin)"
        )
    return symbol
