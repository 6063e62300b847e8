"""Parquet with a column of audio: bytes, Hugging Face's {bytes, path}, or paths and URLs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from secousti.audio.io import load_audio
from secousti.errors import SecoustiError, require
from secousti.extraction.inputs.base import Source, fingerprint_of_files
from secousti.extraction.inputs.listing import about
from secousti.extraction.items import ABOUT, Item, Task, broken, load_anywhere
from secousti.extraction.storage import filesystem, find, is_url, matching, open_binary
from secousti.manifest import END_KEYS, START_KEYS, Piece, piece_of

AUDIO_COLUMN = "audio"
_BATCH_ROWS = 64
_TIMES = (*START_KEYS, *END_KEYS, "duration")
_ID_COLUMNS = ("id", "utt_id", "key")


@dataclass(frozen=True)
class Parquet(Source):
    """Each row group becomes one shard."""

    locations: tuple[str, ...]

    @classmethod
    def open(cls, location: str) -> Parquet:
        """A file, a folder of them, or a pattern with ``*``.

        Raises:
            SecoustiError: pyarrow is missing, no files, or one without the column ``audio``.
        """
        require("pyarrow", "extract")
        found = matching(location, ".parquet") or _below(location)
        if not found:
            raise SecoustiError(f"{location} holds no .parquet files")
        return cls(tuple(found))

    def tasks(self) -> list[Task]:
        import pyarrow.parquet as pq

        tasks: list[Task] = []
        for location in self.locations:
            with open_binary(location) as file:
                metadata = pq.ParquetFile(file).metadata
                if AUDIO_COLUMN not in metadata.schema.to_arrow_schema().names:
                    raise SecoustiError(f"{location} has no column {AUDIO_COLUMN!r}")
                for group in range(metadata.num_row_groups):
                    rows = metadata.row_group(group).num_rows
                    tasks.append(Task(len(tasks), location, group, group + 1, float(rows), 1.0))
        return tasks

    def fingerprint(self) -> str:
        groups = [f"{task.location} {task.start}" for task in self.tasks()]
        return fingerprint_of_files(groups)

    def items(self, task: Task) -> Iterator[Item]:
        import pyarrow.parquet as pq

        stem = os.path.splitext(task.location.rsplit("/", 1)[-1])[0]
        with open_binary(task.location) as file:
            table = pq.ParquetFile(file)
            names = set(table.schema_arrow.names)
            columns = [c for c in (AUDIO_COLUMN, *_ID_COLUMNS, *ABOUT, *_TIMES) if c in names]
            row = 0
            for batch in table.iter_batches(_BATCH_ROWS, [task.start], columns=columns):
                for entry in batch.to_pylist():
                    yield _item(entry, f"{stem}/{task.start}/{row}", task.location)
                    row += 1


def _below(location: str) -> list[str]:
    """Parquet files in the folders of a folder, as Hugging Face keeps them (``data/``)."""
    fs, path = filesystem(location)
    if not fs.isdir(path):
        return []
    names = [name for name in find(location) if name.endswith(".parquet")]
    return [f"{location.rstrip('/')}/{name}" for name in names]


def _item(entry: dict[str, Any], fallback: str, location: str) -> Item:
    audio, path = _audio(entry[AUDIO_COLUMN])
    given = next((str(entry[c]) for c in _ID_COLUMNS if entry.get(c) is not None), None)
    name = given or (os.path.splitext(path)[0] if path else fallback)
    try:
        known = about(entry)
        _piece(entry)
    except SecoustiError as error:
        return Item(name, broken(f"{location}: row {name}: {error}"))
    if isinstance(audio, bytes):
        return Item(name, partial(load_audio, audio, name=f"{location}: {name}"), known)
    if not isinstance(audio, str):
        return Item(name, broken(f"{location}: row {name} has no audio"))
    if not is_url(audio) and not os.path.isabs(audio):
        audio = f"{location.rsplit('/', 1)[0]}/{audio}"
    return Item(name, partial(load_anywhere, audio, _piece(entry)), known)


def _piece(entry: dict[str, Any]) -> Piece:
    """The part that is meant of a recording that is named, not held."""
    numbers = {key: entry[key] for key in _TIMES if isinstance(entry.get(key), int | float)}
    return piece_of(numbers)


def _audio(value: Any) -> tuple[Any, str | None]:
    """(bytes, path or URL, or ``None``; the path Hugging Face's struct names)."""
    if not isinstance(value, dict):
        return value, None
    path = value.get("path")
    return (path if value.get("bytes") is None else value["bytes"]), path
