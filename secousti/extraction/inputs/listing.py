"""Recordings named one a line: JSON Lines manifests, and folders, which are listed into one."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secousti.atomic import replacing
from secousti.audio.io import AUDIO_SUFFIXES
from secousti.errors import SecoustiError
from secousti.extraction.inputs.base import Source
from secousti.extraction.items import Item, Task, broken, load_anywhere
from secousti.extraction.storage import find, is_url, open_binary

_AUDIO_KEYS = ("audio", "audio_filepath")  # ours, NeMo's
_PHONEME_KEYS = ("phonemes", "pronunciation", "phones")


@dataclass(frozen=True)
class Manifest(Source):
    """Lines of a ``.jsonl`` file; audio paths are relative to ``base``.

    A task is a run of lines, kept as a range of bytes: memory does not grow with the corpus
    except by one task per shard.
    """

    location: str
    base: str
    digest: str
    planned: list[Task] = field(repr=False)

    @classmethod
    def open(cls, location: str, shard_size: int, base: str | None = None) -> Manifest:
        """Read it once, to hash it and to find where shards begin.

        Raises:
            SecoustiError: missing or empty.
        """
        try:
            with open_binary(location) as file:
                digest, tasks = _scan(file, location, shard_size)
        except FileNotFoundError as error:
            raise SecoustiError(f"no such manifest: {location}") from error
        if not tasks:
            raise SecoustiError(f"{location} names no recordings")
        folder = location.rsplit("/", 1)[0] if "/" in location else "."
        return cls(location, folder if base is None else base, digest, tasks)

    def tasks(self) -> list[Task]:
        return self.planned

    def fingerprint(self) -> str:
        return self.digest

    def files(self, task: Task) -> Iterator[str]:
        """What the lines name; recordings behind URLs are not asked after, one by one."""
        for line in self._lines(task):
            audio = _audio(line)
            if audio is not None and not is_url(audio):
                yield self._place(audio)

    def items(self, task: Task) -> Iterator[Item]:
        for number, line in enumerate(self._lines(task)):
            yield self._item(line, f"shard {task.index}, line {number + 1}")

    def _lines(self, task: Task) -> Iterator[bytes]:
        with open_binary(self.location) as file:
            file.seek(task.start)
            lines = file.read(task.stop - task.start).splitlines()
        return (line for line in lines if line.strip())

    def _place(self, audio: str) -> str:
        return audio if is_url(audio) or os.path.isabs(audio) else f"{self.base}/{audio}"

    def _item(self, line: bytes, where: str) -> Item:
        try:
            entry = json.loads(line)
            audio = next(entry[key] for key in _AUDIO_KEYS if key in entry)
        except (ValueError, TypeError, StopIteration):
            return Item(where, broken(f"this line of {self.location} has no 'audio' to open"))
        audio = self._place(audio)
        name = entry.get("id") or os.path.splitext(str(entry[_audio_key(entry)]))[0]
        return Item(str(name), lambda: load_anywhere(audio), about(entry))


def folder(location: str, workspace: Path, shard_size: int) -> Manifest:
    """List the recordings below a folder into a manifest in ``workspace``.

    An id is the path without its suffix; files that differ in the suffix alone keep it.

    Raises:
        SecoustiError: no recordings there.
    """
    names = [n for n in find(location) if os.path.splitext(n)[1].lower() in AUDIO_SUFFIXES]
    stems = Counter(os.path.splitext(name)[0] for name in names)
    listing = workspace / "inputs.jsonl"
    with replacing(listing) as partial, open(partial, "w", encoding="utf-8") as file:
        for name in names:
            stem = os.path.splitext(name)[0]
            entry = {"id": stem if stems[stem] == 1 else name, "audio": name}
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    if not names:
        raise SecoustiError(f"{location} holds no recordings ({', '.join(sorted(AUDIO_SUFFIXES))})")
    return Manifest.open(str(listing), shard_size, base=location.rstrip("/"))


def about(entry: dict[str, Any]) -> dict[str, str]:
    """Text, phonemes, speaker and language of a manifest line or sample, where it has them."""
    found = {key: entry[key] for key in ("text", "speaker", "language") if entry.get(key)}
    for key in _PHONEME_KEYS:
        value = entry.get(key)
        if isinstance(value, list):  # symbols, or (start, end, symbol)
            value = " ".join(str(v[2] if isinstance(v, (list, tuple)) else v) for v in value)
        if value:
            found["phonemes"] = value
            break
    return {key: str(value) for key, value in found.items()}


def _audio(line: bytes) -> str | None:
    """The recording that a line names, if it names one."""
    try:
        entry = json.loads(line)
        audio = next(entry[key] for key in _AUDIO_KEYS if key in entry)
    except (ValueError, TypeError, StopIteration):
        return None
    return audio if isinstance(audio, str) else None


def _audio_key(entry: dict[str, Any]) -> str:
    return next(key for key in _AUDIO_KEYS if key in entry)


def _scan(file: Any, location: str, shard_size: int) -> tuple[str, list[Task]]:
    digest = hashlib.blake2b(digest_size=16)
    tasks: list[Task] = []
    start = position = count = 0

    def close() -> None:
        tasks.append(Task(len(tasks), location, start, position, float(count), 1.0))

    for line in file:
        digest.update(line)
        position += len(line)
        count += bool(line.strip())
        if count == shard_size:
            close()
            start, count = position, 0
    if count:
        close()
    return digest.hexdigest(), tasks
