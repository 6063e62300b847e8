"""The manifest: JSON Lines, one utterance a line, where corpora, aligners and shards meet.

A line needs ``audio``, ``speaker``, ``language`` and ``duration``; everything else may be absent,
and keys that secousti does not know are carried along untouched. Times are seconds.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from data_prep.languages import language_of
from secousti.atomic import replacing
from secousti.errors import SecoustiError
from secousti.manifest import (
    END_KEYS,
    NEMO,
    START_KEYS,
    Piece,
    audio_of,
    default_id,
    parse_line,
    parsed_lines,
    piece_of,
    to_line,
)
from secousti.paths import readable

Interval = tuple[float, float, str]  # start, end, label
_TOLERANCE = 0.05  # seconds by which an aligner may overshoot the end of the audio


@dataclass
class Row:
    """One utterance.

    ``audio`` is a path, relative to the manifest's folder or absolute, or a URL that fsspec opens.
    With an ``offset`` the utterance is the piece of it that begins there and lasts ``duration``
    seconds; ``start`` with ``end``, and NeMo's ``audio_filepath``, are read as that.
    ``phones`` and ``words`` are an alignment; ``pronunciation`` is a canonical phoneme sequence
    without times (a manifest may also give it as a string under ``phones``). ``confidence`` is
    the aligner's, in [0, 1]. ``id`` defaults to the audio path without its suffix.
    """

    audio: str
    speaker: str
    language: str
    duration: float
    offset: float | None = None
    text: str | None = None
    phones: list[Interval] | None = None
    words: list[Interval] | None = None
    pronunciation: str | None = None
    confidence: float | None = None
    corpus: str = ""
    license: str = ""
    id: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every field. Raises SecoustiError naming the first that is wrong."""
        for name in ("audio", "speaker", "language"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise SecoustiError(f"'{name}' must be a text that is not empty")
        self.language = language_of(self.language)
        if self.offset is not None:
            self.offset = _number("offset", self.offset, low=0.0)
        self.duration = _number("duration", self.duration, low=0.0)
        for name in ("text", "pronunciation"):
            if not isinstance(getattr(self, name), str | None):
                raise SecoustiError(f"'{name}' must be a text or absent")
        if self.confidence is not None:
            self.confidence = _number("confidence", self.confidence, low=0.0, high=1.0)
        self.phones = _intervals("phones", self.phones, self.duration)
        self.words = _intervals("words", self.words, self.duration)
        if not isinstance(self.id, str | int) or isinstance(self.id, bool):
            raise SecoustiError(f"'id' must be a text or a whole number, not {self.id!r}")
        self.id = readable(str(self.id or default_id(self.audio, self.piece)))

    @classmethod
    def from_dict(cls, entry: dict[str, Any]) -> Row:
        """Build a row from one JSON object; null counts as absent.

        Raises:
            SecoustiError: a needed key is missing or a value is wrong; the message names it.
        """
        values = {key: value for key, value in entry.items() if value is not None}
        _take_piece(values)
        for name in ("audio", "speaker", "language", "duration"):
            if name not in values:
                raise SecoustiError(f"'{name}' is missing")
        if isinstance(values.get("phones"), str):
            values["pronunciation"] = values.pop("phones")
        known = {f.name for f in fields(cls)} - {"extra"}
        extra = {key: values.pop(key) for key in list(values) if key not in known}
        return cls(**values, extra=extra)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the row, without what is absent; ``from_dict`` gives the row back."""
        entry = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "extra"}
        if self.id == readable(default_id(self.audio, self.piece)):
            entry["id"] = None
        return {k: v for k, v in entry.items() if v is not None and v != ""} | self.extra

    @property
    def piece(self) -> Piece:
        """The part of the recording that the row is about."""
        return Piece() if self.offset is None else Piece(self.offset, self.duration)

    def audio_path(self, root: str | os.PathLike[str]) -> str:
        """Where the audio lies, with ``root`` (the manifest's folder) before a relative path."""
        if "://" in self.audio or os.path.isabs(self.audio):
            return self.audio
        return os.path.join(os.fspath(root), self.audio)


def read_manifest(
    path: str | os.PathLike[str] | int,
    on_fault: Callable[[int, str], None] | None = None,
) -> Iterator[Row]:
    """The rows of a manifest, read one by one so that any number of lines fits in memory.

    Args:
        path: a file, a URL that fsspec opens, or a file descriptor (0 is standard input).
        on_fault: called with line number and reason for a bad line, which is then skipped;
            without it a bad line raises.

    Raises:
        SecoustiError: the file cannot be read, or a line is bad and ``on_fault`` is None.
    """
    return parsed_lines(path, lambda _, line: Row.from_dict(parse_line(line)), on_fault)


def write_manifest(path: str | Path, rows: Iterable[Row]) -> int:
    """Write rows to ``path``, in full or not at all, and return their number.

    Raises:
        SecoustiError: it cannot be written, or is a folder, a device or a pipe.
    """
    count = 0
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(to_line(row.to_dict()))
            count += 1
    return count


def _take_piece(values: dict[str, Any]) -> None:
    """Names of others for the recording and the piece of it -> ``audio``, ``offset``, ``duration``.

    Raises:
        SecoustiError: no recording, or times that contradict each other.
    """
    audio = audio_of(values) if "audio" in values or NEMO in values else None
    pieces = [key for key in (*START_KEYS, *END_KEYS) if key in values]
    if audio is None or (NEMO not in values and not pieces):
        return
    piece = piece_of(values)
    for key in (NEMO, *pieces):
        values.pop(key, None)
    values["audio"] = audio
    if piece.whole is None:
        values["offset"] = piece.start
        if piece.seconds is not None:
            values["duration"] = piece.seconds


def _number(name: str, value: object, low: float, high: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SecoustiError(f"'{name}' must be a finite number, not {value!r}")
    if not low <= value <= high:
        raise SecoustiError(f"'{name}' is {value}; it must lie in {low:g} ... {high:g}")
    return float(value)


def _intervals(name: str, value: object, duration: float) -> list[Interval] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise SecoustiError(f"'{name}' must be a list of [start_s, end_s, label]")
    intervals, previous = [], 0.0
    for item in value:
        if not isinstance(item, list | tuple) or len(item) != 3 or not isinstance(item[2], str):
            raise SecoustiError(f"'{name}' holds {item!r}, not [start_s, end_s, label]")
        start, end = (_number(name, time, low=0.0) for time in item[:2])
        if start < previous - 1e-3 or end < start:
            raise SecoustiError(f"'{name}' is not in order at {start:.3f} s")
        intervals.append((start, end, item[2]))
        previous = end
    if previous > duration + _TOLERANCE:
        raise SecoustiError(
            f"'{name}' ends at {previous:.3f} s, after the audio ({duration:.3f} s)"
        )
    return intervals
