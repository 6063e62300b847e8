"""One task in, one shard in its place: a pure function of the task, the model and the settings."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from secousti.errors import SecoustiError
from secousti.extraction.inputs.base import Source
from secousti.extraction.items import Fault, Progress, Task, TokenRow
from secousti.extraction.journal import SHARDS, STATE, Record
from secousti.extraction.memory import give_back, keep_few_kernels
from secousti.extraction.outputs import open_writer
from secousti.extraction.settings import CodecFacts, Settings
from secousti.extraction.tokenizer import Tokenizer
from secousti.extraction.windows import Window, windows

Event: TypeAlias = Progress | Record


@dataclass(frozen=True)
class Job:
    """What a worker needs to know; picklable."""

    source: Source
    settings: Settings
    facts: CodecFacts
    output: Path


class ShardMaker:
    """A loaded model that turns tasks of ``job`` into shards."""

    def __init__(self, job: Job, device: str | None = None) -> None:
        self.job = job
        keep_few_kernels()
        codec = job.settings.load_codec(device)
        self.tokenizer = Tokenizer(codec, job.settings.batch_seconds, job.settings.voice)

    def __call__(self, task: Task) -> Iterator[Event]:
        """Make the shard and rename its files into place: progress, and at last its record.

        Raises:
            SecoustiError: a bad recording, if the run is strict.
        """
        faults: list[Fault] = []
        items, tokens, seconds = 0, 0, 0.0
        with _parts(self.job.output) as parts:
            writer = open_writer(self.job.settings.format, parts, task.index, self.job.facts)
            for window in self._windows(task):
                rows = yield from self._tokenize(window, task.per_item)
                writer.add(rows)
                faults += window.faults
                items += len(rows)
                tokens += sum(len(row.codes) for row in rows)
                seconds += sum(row.duration for row in rows)
                give_back()
            writer.close()
            files, digest = _publish(parts, self.job.output / SHARDS)
        yield Record(task.index, files, digest, items, tokens, seconds, tuple(faults))

    def _windows(self, task: Task) -> Iterator[Window]:
        settings = self.job.settings
        for window in windows(
            self.job.source.items(task),
            self.job.facts.sample_rate,
            settings.window_seconds,
            settings.loaders,
            task.location,
        ):
            if settings.strict and window.faults:
                raise SecoustiError(f"{window.faults[0].id}: {window.faults[0].reason}")
            yield window

    def _tokenize(self, window: Window, per_item: float) -> Generator[Event, None, list[TokenRow]]:
        """The rows of a window in input order; yields progress on the way."""
        yield Progress(per_item * len(window.faults), 0.0)
        rows: dict[int, TokenRow] = {}
        for i, tokens in self.tokenizer(window.audio):
            item = window.items[i]
            rows[i] = TokenRow(
                id=item.id,
                codes=tokens.codes,
                num_samples=len(window.audio[i]),
                duration=window.durations[i],
                paralinguistic=tokens.paralinguistic,
                about=item.about,
            )
            yield Progress(per_item, window.durations[i])
        return [rows[i] for i in range(len(rows))]


@contextmanager
def _parts(output: Path) -> Iterator[Path]:
    """A folder of its own for the files of one shard, on the same disk as their place."""
    root = output / STATE / "parts"
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(parts: Path, shards: Path) -> tuple[dict[str, int], str]:
    """Rename the finished files into place; their sizes and a hash over all of them."""
    shards.mkdir(parents=True, exist_ok=True)
    digest = hashlib.blake2b(digest_size=16)
    files: dict[str, int] = {}
    for path in sorted(parts.iterdir()):
        with open(path, "rb") as file:
            digest.update(file.read())
            os.fsync(file.fileno())
        files[path.name] = path.stat().st_size
    for name in files:
        os.replace(parts / name, shards / name)
    return files, digest.hexdigest()
