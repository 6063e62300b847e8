"""Alignments from Praat TextGrids, as the Montreal Forced Aligner and Penn's write them.

Both text formats of Praat's manual page "TextGrid file formats" are read: the long one with
``xmin = 0`` and the short one with bare values. In either, what counts is the sequence of numbers
and quoted strings.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data_prep.alignment.base import Aligner, Alignment, Utterance, fill_silences
from data_prep.alignment.pinyin_labels import mandarin_symbols
from data_prep.manifest import Interval
from secousti.errors import SecoustiError
from secousti.text.inventory import SILENCE, canonical

# Free-standing strings, numbers and flags; words such as `xmin =` and `item [1]:` are decoration.
_TOKEN = re.compile(
    r'"((?:[^"]|"")*)"|<(\w+)>|(?<![\w\[.])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w\]])'
)
_HEADS = ("ooTextFile", "ooTextFile short")  # the second as Praat wrote it before 2008
_BACKWARD = 1e-3  # seconds by which times may be rounded
_BEYOND = 0.1  # seconds by which a TextGrid may be longer than its recording
_ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb": "utf-8-sig"}


@dataclass(frozen=True)
class Tier:
    """One interval tier: ``[start_s, end_s, label]``, empty labels included."""

    name: str
    intervals: list[Interval]


class TextGridAligner(Aligner):
    """Takes each alignment from ``<audio without suffix>.TextGrid``.

    Args:
        folder: where the TextGrids lie: by the row's id, in the tree of the audio (MFA writes
            ``SPEAKER/name.TextGrid``), or by file name; None looks beside the audio.
        shared: TextGrids that more than one recording would take, so that none may.
    """

    def __init__(self, folder: Path | None = None, shared: Collection[str] = ()) -> None:
        self.shared = shared
        if folder is not None and not folder.is_dir():
            raise SecoustiError(f"there is no folder of TextGrids at {folder}")
        self.folder = folder

    def align(self, utterance: Utterance) -> Alignment:
        """The tiers ``words`` and ``phones`` of the row's TextGrid.

        Raises:
            SecoustiError: no TextGrid, a faulty one, or a label outside the inventory.
        """
        path, row = self.find(utterance), utterance.row
        if str(path) in self.shared:
            raise SecoustiError(
                "its TextGrid would also be that of another recording of this name: give a folder "
                "with one folder a speaker, as MFA writes it"
            )
        tiers = read_textgrid(path)
        phones = _tier(tiers, ("phones", "phone"), row.speaker, path)
        words = _tier(tiers, ("words", "word"), row.speaker, path)
        _check_end(phones, row.duration, path)
        if row.language in ("zh", "mixed"):
            phones = mandarin_symbols(phones)
        timed = [(start, end, _symbol(label, row.language, path)) for start, end, label in phones]
        spoken = [word for word in words if canonical(word[2]) != SILENCE]
        return Alignment(fill_silences(timed, row.duration), spoken)

    def find(self, utterance: Utterance) -> Path:
        """The TextGrid of a row.

        Raises:
            SecoustiError: there is none.
        """
        row = utterance.row
        audio = Path(row.audio_path(utterance.root)).with_suffix("")
        for stem in self._stems(row.id, row.speaker, audio):
            for suffix in (".TextGrid", ".textgrid", ".textGrid"):
                path = stem.with_name(stem.name + suffix)
                if path.is_file():
                    return path
        where = self.folder or audio.parent
        raise SecoustiError(f"there is no TextGrid {audio.name}.TextGrid in {where}")

    def _stems(self, name: str, speaker: str, audio: Path) -> Iterator[Path]:
        """Where it may be: beside the audio, or below the folder, the most exact place first."""
        if self.folder is None:
            yield audio
            return
        yield self.folder / name.lstrip("/")
        parts = audio.parts[1:] if audio.is_absolute() else audio.parts
        for first in range(len(parts) - 1):
            yield self.folder.joinpath(*parts[first:])
        yield self.folder / speaker / audio.name
        yield self.folder / audio.name


def read_textgrid(path: Path) -> list[Tier]:
    """Interval tiers of a TextGrid in Praat's long or short text format; point tiers are skipped.

    Raises:
        SecoustiError: the file is unreadable, in the binary format, or cut short.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SecoustiError(f"{path} cannot be read as text ({error})") from None
    return parse_textgrid(data, str(path))


def parse_textgrid(data: bytes, name: str) -> list[Tier]:
    """The same from the bytes of a file; ``name`` is for messages.

    Raises:
        SecoustiError: as ``read_textgrid``.
    """
    try:
        text = data.decode(_ENCODINGS.get(data[:2], "utf-8"))
    except UnicodeDecodeError as error:
        raise SecoustiError(f"{name} cannot be read as text ({error})") from None
    tokens = _TOKEN.finditer(text)
    try:
        if _next(tokens, 1) not in _HEADS or _next(tokens, 1) != "TextGrid":
            raise SecoustiError(f"{name} is not a TextGrid in text format")
        _next(tokens, 3), _next(tokens, 3), _next(tokens, 2)  # start, end, <exists>
        tiers = [_read_tier(tokens) for _ in range(int(_next(tokens, 3)))]
    except (StopIteration, IndexError, ValueError) as error:
        if isinstance(error, SecoustiError):
            raise
        raise SecoustiError(f"{name} is cut short or not a TextGrid") from None
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


def _tier(tiers: list[Tier], names: tuple[str, ...], speaker: str, path: Path) -> list[Interval]:
    """The tier of one of the names, or the only one that ends so (``speaker - phones``).

    Raises:
        SecoustiError: none or several, or intervals that are not in order.
    """
    found = [tier for tier in tiers if tier.name.lower().strip().endswith(names)]
    if len(found) > 1:
        found = [tier for tier in found if tier.name.partition(" - ")[0] == speaker]
    if len(found) != 1:
        known = ", ".join(tier.name for tier in tiers) or "none"
        raise SecoustiError(f"{path} should have one tier '{names[0]}'; its tiers are: {known}")
    _check_order(found[0], path)
    return found[0].intervals


def _check_order(tier: Tier, path: Path) -> None:
    previous = 0.0
    for start, end, label in tier.intervals:
        silent = canonical(label) == SILENCE
        if start < previous - _BACKWARD or end < start or (end == start and not silent):
            raise SecoustiError(
                f"{path}: in the tier '{tier.name}' the interval {label!r} from {start:g} s to "
                f"{end:g} s does not come after the one that ends at {previous:g} s, or is empty"
            )
        previous = max(end, previous)


def _check_end(phones: list[Interval], duration: float, path: Path) -> None:
    spoken = [end for _, end, label in phones if canonical(label) != SILENCE]
    if spoken and spoken[-1] > duration + _BEYOND:
        raise SecoustiError(
            f"{path} has phonemes until {spoken[-1]:g} s, but the recording lasts {duration:g} s"
        )


def _symbol(label: str, language: str, path: Path) -> str:
    symbol = canonical(label, None if language == "mixed" else language)
    if symbol is None:
        raise SecoustiError(
            f"{path} has the label {label!r}, which is no phoneme of the inventory; align with an "
            "ARPAbet or pinyin dictionary (for MFA: english_us_arpa, mandarin_pinyin)"
        )
    return symbol
