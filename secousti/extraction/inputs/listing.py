"""Recordings named one a line: JSON Lines manifests, and whatever is listed into one."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from secousti.atomic import replacing
from secousti.audio.io import AUDIO_SUFFIXES
from secousti.errors import SecoustiError
from secousti.extraction.inputs.base import Source
from secousti.extraction.items import Item, Task, broken, load_anywhere
from secousti.extraction.storage import find, is_url, open_binary
from secousti.manifest import Entry, Places, audio_of, parse_line, to_entry, to_line
from secousti.paths import readable

_SHARDS = 64  # of a corpus that is cut by its size
_FEWEST, _MOST = 8, 2000  # utterances of such a shard
FAULT = "fault"  # key of a listed line that names no recording but says why it is not one
_PHONEME_KEYS = ("phonemes", "pronunciation", "phones")


@dataclass(frozen=True)
class Manifest(Source):
    """Lines of a ``.jsonl`` file.

    A task is a run of lines, kept as a range of bytes: memory does not grow with the corpus
    except by one task per shard and one number per line, which finds ids that come twice.

    Attributes:
        root: where relative paths start; ``None``: at the manifest's folder.
        name: of the manifest in faults, where it is a listing of something else.
        first_lines: the number of the first line of every task.
        repeated: lines whose id an earlier line has, and that line.
    """

    location: str
    root: str | None
    name: str
    digest: str
    planned: list[Task] = field(repr=False)
    first_lines: list[int] = field(repr=False)
    repeated: dict[int, int] = field(repr=False)

    @classmethod
    def open(
        cls, location: str, shard_size: int, root: str | None = None, name: str | None = None
    ) -> Manifest:
        """Read it once, to hash it and to find where shards begin.

        Raises:
            SecoustiError: missing or empty.
        """
        try:
            scan = _Scan(location, shard_size or _fitting(location))
            with open_binary(location) as file:
                scan.read(file)
        except FileNotFoundError as error:
            raise SecoustiError(f"no such manifest: {location}") from error
        if not scan.tasks:
            raise SecoustiError(f"{name or location} names no recordings")
        shown = name or location.rsplit("/", 1)[-1]
        return cls(
            location, root, shown, scan.digest.hexdigest(), scan.tasks, scan.first_lines,
            scan.repeated(),
        )  # fmt: skip

    def tasks(self) -> list[Task]:
        return self.planned

    def fingerprint(self) -> str:
        return self.digest

    def files(self, task: Task) -> Iterator[str]:
        """What the lines name; recordings behind URLs are not asked after, one by one."""
        places = self._places()
        for _, line in self._lines(task):
            try:
                audio = audio_of(parse_line(line))
            except SecoustiError:
                continue
            if not is_url(audio):
                yield places.locate(audio)

    def items(self, task: Task) -> Iterator[Item]:
        places = self._places()
        for number, line in self._lines(task):
            yield self._item(number, line, places)

    def _places(self) -> Places:
        return Places(self.location, self.root)

    def _lines(self, task: Task) -> Iterator[tuple[int, bytes]]:
        with open_binary(self.location) as file:
            file.seek(task.start)
            lines = file.read(task.stop - task.start).split(b"\n")
        first = self.first_lines[task.index]
        return ((first + i, line) for i, line in enumerate(lines) if line.strip())

    def _item(self, number: int, line: bytes, places: Places) -> Item:
        where = f"{self.name}, line {number}"
        try:
            fields = parse_line(line)
            if FAULT in fields:
                return Item(str(fields.get("id", where)), broken(str(fields[FAULT])))
            entry = to_entry(fields, number, places.locate)
            known = about(fields)
        except SecoustiError as error:
            return Item(where, broken(f"{where}: {error}"))
        if number in self.repeated:
            reason = f"{where}: its id was given before, in line {self.repeated[number]}"
            return Item(readable(entry.id), broken(reason))
        return Item(readable(entry.id), partial(load_anywhere, entry.location, entry.piece), known)


def folder(location: str, workspace: Path, shard_size: int) -> Manifest:
    """List the recordings below a folder into a manifest in ``workspace``.

    An id is the path without its suffix; files that differ in the suffix alone keep it.

    Raises:
        SecoustiError: no recordings there.
    """
    names = [n for n in find(location) if os.path.splitext(n)[1].lower() in AUDIO_SUFFIXES]
    if not names:
        raise SecoustiError(f"{location} holds no recordings ({', '.join(sorted(AUDIO_SUFFIXES))})")
    stems = Counter(os.path.splitext(name)[0] for name in names)
    entries = []
    for name in names:
        stem = os.path.splitext(name)[0]
        entries.append({"id": stem if stems[stem] == 1 else name, "audio": name})
    return listed(entries, location, workspace, shard_size, root=location.rstrip("/"))


def listed(
    entries: Iterable[Mapping[str, Any]],
    location: str,
    workspace: Path,
    shard_size: int,
    root: str,
) -> Manifest:
    """Lines of a manifest that is made of the input ``location`` and kept in ``workspace``.

    Raises:
        SecoustiError: no lines.
    """
    listing = workspace / "inputs.jsonl"
    with replacing(listing) as partly, open(partly, "w", encoding="utf-8") as file:
        file.writelines(to_line(entry) for entry in entries)
    return Manifest.open(str(listing), shard_size, root=root, name=location)


def about(entry: Mapping[str, Any]) -> dict[str, str]:
    """Text, phonemes, speaker and language of a manifest line or sample, where it has them.

    Raises:
        SecoustiError: a list or an object where one of them stands, or phones that are none.
    """
    found = {
        key: _text(key, entry[key]) for key in ("text", "speaker", "language") if _has(entry, key)
    }
    key = next((key for key in _PHONEME_KEYS if _has(entry, key)), None)
    if key is not None:
        found["phonemes"] = _phonemes(key, entry[key])
    return {key: value for key, value in found.items() if value}


def _has(entry: Mapping[str, Any], key: str) -> bool:
    return entry.get(key) not in (None, "", [])


def _text(key: str, value: Any) -> str:
    if isinstance(value, list | dict):
        raise SecoustiError(f"{key!r} must be a text, not {type(value).__name__}")
    return readable(str(value))


def _phonemes(key: str, value: Any) -> str:
    """Symbols, or (start, end, symbol) of each, as one string."""
    if not isinstance(value, list):
        return _text(key, value)
    symbols = [item[2] if isinstance(item, list) and len(item) == 3 else item for item in value]
    wrong = next((item for item in symbols if not isinstance(item, str)), None)
    if wrong is not None:
        raise SecoustiError(f"{key!r} holds {wrong!r}, not a symbol or [start_s, end_s, symbol]")
    return " ".join(symbols)


def _fitting(location: str) -> int:
    """Utterances a shard, by the number of lines alone: enough shards for the cores of a machine,
    none of them tiny or huge."""
    with open_binary(location) as file:
        lines = sum(1 for line in file if line.strip())
    return min(max(-(-lines // _SHARDS), _FEWEST), _MOST)


class _Scan:
    """One pass over the lines of a manifest."""

    def __init__(self, location: str, shard_size: int) -> None:
        self.location, self.shard_size = location, shard_size
        self.digest = hashlib.blake2b(digest_size=16)
        self.tasks: list[Task] = []
        self.first_lines: list[int] = []
        self._ids, self._lines = array("Q"), array("Q")

    def read(self, file: Any) -> None:
        start = position = count = 0
        first = 1
        for number, line in enumerate(file, start=1):
            self.digest.update(line)
            position += len(line)
            if line.strip():
                count += 1
                self._note_id(number, line)
            if count == self.shard_size:
                self._close(first, start, position, count)
                start, count, first = position, 0, number + 1
        if count:
            self._close(first, start, position, count)

    def _close(self, first: int, start: int, stop: int, count: int) -> None:
        index = len(self.tasks)
        self.tasks.append(Task(index, self.location, start, stop, float(count), 1.0))
        self.first_lines.append(first)

    def _note_id(self, number: int, line: bytes) -> None:
        try:
            entry: Entry = to_entry(parse_line(line), number, str)
        except SecoustiError:
            return
        name = hashlib.blake2b(readable(entry.id).encode(), digest_size=8).digest()
        self._ids.append(int.from_bytes(name, "little"))
        self._lines.append(number)

    def repeated(self) -> dict[int, int]:
        """Line -> the first line with its id, for every line that is not the first."""
        ids, lines = np.array(self._ids), np.array(self._lines)
        _, first, which = np.unique(ids, return_index=True, return_inverse=True)
        before = first[which] if len(ids) else first
        again = np.flatnonzero(before != np.arange(len(ids)))
        return {int(lines[i]): int(lines[before[i]]) for i in again}
