"""The manifest: JSON Lines, one utterance a line, where corpora, aligners and shards meet.

A line needs ``audio``, ``speaker``, ``language`` and ``duration``; everything else may be absent,
and keys that secousti does not know are carried along untouched. Times are seconds.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from data_prep.files import open_binary
from secousti.errors import SecoustiError

Interval = tuple[float, float, str]  # start, end, label
LANGUAGES = ("en", "zh", "mixed")
_TOLERANCE = 0.05  # seconds by which an aligner may overshoot the end of the audio


@dataclass
class Row:
    """One utterance.

    ``audio`` is a path, relative to the manifest's folder or absolute, or a URL that fsspec opens.
    ``phones`` and ``words`` are an alignment; ``pronunciation`` is a canonical phoneme sequence
    without times (a manifest may also give it as a string under ``phones``). ``confidence`` is
    the aligner's, in [0, 1]. ``id`` defaults to the audio path without its suffix.
    """

    audio: str
    speaker: str
    language: str
    duration: float
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
        if self.language not in LANGUAGES:
            raise SecoustiError(f"'language' is {self.language!r}; it must be en, zh or mixed")
        self.duration = _number("duration", self.duration, low=0.0)
        for name in ("text", "pronunciation"):
            if not isinstance(getattr(self, name), str | None):
                raise SecoustiError(f"'{name}' must be a text or absent")
        if self.confidence is not None:
            self.confidence = _number("confidence", self.confidence, low=0.0, high=1.0)
        self.phones = _intervals("phones", self.phones, self.duration)
        self.words = _intervals("words", self.words, self.duration)
        self.id = self.id or os.path.splitext(self.audio)[0]

    @classmethod
    def from_dict(cls, entry: dict[str, Any]) -> Row:
        """Build a row from one JSON object; null counts as absent.

        Raises:
            SecoustiError: a needed key is missing or a value is wrong; the message names it.
        """
        if not isinstance(entry, dict):
            raise SecoustiError("a line must be a JSON object")
        values = {key: value for key, value in entry.items() if value is not None}
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
        if self.id == os.path.splitext(self.audio)[0]:
            entry["id"] = None
        return {k: v for k, v in entry.items() if v is not None and v != ""} | self.extra

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

    Arguments:
        path: a file, a URL that fsspec opens, or a file descriptor (0 is standard input).
        on_fault: called with line number and reason for a bad line, which is then skipped;
            without it a bad line raises.

    Raises:
        SecoustiError: the file cannot be read, or a line is bad and ``on_fault`` is None.
    """
    try:
        with open_binary(path) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = Row.from_dict(_json_object(line))
                except SecoustiError as error:
                    if on_fault is None:
                        raise SecoustiError(f"{path}, line {number}: {error}") from None
                    on_fault(number, str(error))
                    continue
                yield row
    except OSError as error:
        raise SecoustiError(
            f"the manifest {path} cannot be read: {error.strerror or error}"
        ) from None


def write_manifest(path: str | os.PathLike[str], rows: Iterable[Row]) -> int:
    """Write rows to ``path`` and return their number.

    The lines go to a temporary name beside ``path``, which is renamed when all are on disk: a
    manifest is either there in full or not at all.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    count = 0
    try:
        with temporary.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row.to_dict(), ensure_ascii=False) + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _json_object(line: bytes) -> dict[str, Any]:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SecoustiError("not UTF-8; convert the manifest, e.g. with iconv") from None
    except json.JSONDecodeError as error:
        raise SecoustiError(f"not JSON ({error.msg})") from None


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
