"""WebDataset: tar files in which the members of a sample share their name up to the first dot."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from secousti.audio.io import AUDIO_SUFFIXES, load_audio
from secousti.errors import SecoustiError
from secousti.extraction.inputs.base import Source, fingerprint_of_files
from secousti.extraction.inputs.listing import about
from secousti.extraction.items import Item, Task, broken
from secousti.extraction.storage import matching, open_binary, size_of

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
                yield _item(key, members, task.location)


def _samples(tar: tarfile.TarFile) -> Iterator[tuple[str, dict[str, bytes]]]:
    """(key, {suffix: content}) of consecutive members; what was read whole before a break."""
    key: str | None = None
    members: dict[str, bytes] = {}
    for member in tar:
        file = tar.extractfile(member) if member.isfile() else None
        if file is None:
            continue
        folder, _, name = member.name.rpartition("/")
        stem, _, suffix = name.partition(".")
        this = f"{folder}/{stem}" if folder else stem
        if key is not None and this != key:
            yield key, members
            members = {}
        key = this
        members[suffix.lower()] = file.read()
    if key is not None:
        yield key, members


def _item(key: str, members: dict[str, bytes], location: str) -> Item:
    try:
        entry = json.loads(members["json"]) if "json" in members else {}
        for suffix in _TEXT_SUFFIXES:
            if suffix in members:
                entry.setdefault("text", members[suffix].decode())
    except (ValueError, AttributeError) as error:
        return Item(key, broken(f"{location}: the text of {key} cannot be read ({error})"))
    for suffix, data in members.items():
        if f".{suffix.rsplit('.', 1)[-1]}" in AUDIO_SUFFIXES:
            name = f"{location}: {key}.{suffix}"
            return Item(key, partial(load_audio, data, name=name), about(entry))
    return Item(key, broken(f"{location}: {key} has no audio, only {', '.join(sorted(members))}"))
