"""WebDataset: tar files in which the members of a sample share their name up to the first dot.

Names with several dots (``utt.001.wav``) and several recordings under one key are told apart.
"""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from secousti.audio.io import AUDIO_SUFFIXES, load_audio
from secousti.errors import SecoustiError
from secousti.extraction.inputs.base import Source, fingerprint_of_files
from secousti.extraction.inputs.listing import about
from secousti.extraction.items import Item, Task, broken
from secousti.extraction.storage import matching, open_binary, size_of
from secousti.manifest import parse_line

_MOST_HELD = 1 << 29  # bytes of one key
_TEXT_SUFFIXES = ("txt", "text")


@dataclass(frozen=True)
class WebDataset(Source):
    """Each tar becomes one shard. A sample has an audio member and perhaps ``.json``, ``.txt``."""

    locations: tuple[str, ...]

    @classmethod
    def open(cls, location: str) -> WebDataset:
        """A tar, a folder of them, or a pattern with ``*``.

        Raises:
            SecoustiError: there is none.
        """
        found = matching(location, ".tar", ".tar.gz", ".tgz")
        if not found:
            raise SecoustiError(f"{location} holds no .tar files")
        return cls(tuple(found))

    def tasks(self) -> list[Task]:
        return [Task(i, path, weight=size_of(path)) for i, path in enumerate(self.locations)]

    def fingerprint(self) -> str:
        return fingerprint_of_files(list(self.locations))

    def items(self, task: Task) -> Iterator[Item]:
        with open_binary(task.location) as file, tarfile.open(fileobj=file, mode="r|*") as tar:
            for key, members in _samples(tar):
                yield from _items(key, members, task.location)


def _samples(tar: tarfile.TarFile) -> Iterator[tuple[str, dict[str, bytes]]]:
    """(key, {suffix: content}) of consecutive members; what was read whole before a break."""
    key: str | None = None
    members: dict[str, bytes] = {}
    held = 0
    for member in tar:
        file = tar.extractfile(member) if member.isfile() else None
        if file is None:
            continue
        folder, _, name = member.name.rpartition("/")
        stem, _, suffix = name.partition(".")
        this = f"{folder}/{stem}" if folder else stem
        if key is not None and this != key:
            yield key, members
            members, held = {}, 0
        key = this
        members[suffix] = file.read()
        held += member.size
        if held > _MOST_HELD and _is_audio(suffix):  # very many recordings under one key
            yield key, members
            members, held = {}, 0
    if key is not None and members:
        yield key, members


def _items(key: str, members: dict[str, bytes], location: str) -> Iterator[Item]:
    """The recordings of a sample: one, or several that are told apart by what follows the key.

    ``utt.1.wav`` has its text from ``utt.1.txt`` or ``utt.1.json``, else from those of ``utt``.
    """
    audio = [suffix for suffix in members if _is_audio(suffix)]
    if not audio:
        yield Item(
            key, broken(f"{location}: {key} has no audio, only {', '.join(sorted(members))}")
        )
    shared = any("." not in suffix for suffix in members if not _is_audio(suffix))
    stems = Counter(_stem(suffix) for suffix in audio)
    for suffix in audio:
        stem = _stem(suffix)
        name = f"{key}.{stem}" if stem and (len(audio) > 1 or not shared) else key
        if stems[stem] > 1:  # one recording in two formats
            name = f"{key}.{suffix}"
        where = f"{location}: {key}.{suffix}"
        try:
            known = about(_entry(members, stem))
        except (ValueError, SecoustiError) as error:
            yield Item(name, broken(f"{where}: what is told about it cannot be read ({error})"))
            continue
        yield Item(name, partial(load_audio, members[suffix], name=where), known)


def _entry(members: dict[str, bytes], stem: str) -> dict[str, Any]:
    """What the members beside a recording say of it.

    Raises:
        SecoustiError: JSON that is no object.
        ValueError: no UTF-8.
    """
    beside = {suffix.lower(): data for suffix, data in members.items()}
    own = f"{stem.lower()}." if stem else ""
    entry: dict[str, Any] = {}
    for prefix in dict.fromkeys(("", own)):
        if f"{prefix}json" in beside:
            entry |= parse_line(beside[f"{prefix}json"])
        for suffix in _TEXT_SUFFIXES:
            if f"{prefix}{suffix}" in beside:
                entry["text"] = beside[f"{prefix}{suffix}"].decode("utf-8-sig")
    return entry


def _stem(suffix: str) -> str:
    return suffix.rpartition(".")[0]


def _is_audio(suffix: str) -> bool:
    return f".{suffix.rpartition('.')[2].lower()}" in AUDIO_SUFFIXES
