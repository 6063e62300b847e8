"""One task in, one shard in its place: a pure function of the task, the model and the settings."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from torch import Tensor

from secousti.errors import SecoustiError
from secousti.extraction.inputs.base import Source
from secousti.extraction.items import Begun, Fault, Item, Progress, Task, TokenRow, broken
from secousti.extraction.journal import SHARDS, STATE, Record, hash_of_files
from secousti.extraction.outputs import open_writer
from secousti.extraction.settings import CodecFacts, Settings
from secousti.extraction.stamp import stamp
from secousti.extraction.tokenizer import Tokenizer, Tokens
from secousti.extraction.windows import Window, windows
from secousti.memory import give_back, keep_few_kernels

Event: TypeAlias = Progress | Record
_DEADLY = "it ended the process that worked on it, each time (out of memory?)"


@dataclass(frozen=True)
class Job:
    """What a worker needs to know; picklable."""

    source: Source
    settings: Settings
    facts: CodecFacts
    output: Path


class ShardMaker:
    """A loaded model that turns tasks of ``job`` into shards.

    Args:
        announce: told which recording comes next, in tasks that are done ``alone``.
    """

    def __init__(
        self,
        job: Job,
        device: str | None = None,
        announce: Callable[[Begun], object] = lambda begun: None,
    ) -> None:
        self.job, self.announce = job, announce
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
        mark = stamp(self.job.source.files(task), self.job.settings.fingerprint)
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
        yield Record(task.index, files, digest, items, tokens, seconds, tuple(faults), mark)

    def _windows(self, task: Task) -> Iterator[Window]:
        settings = self.job.settings
        for window in windows(
            self._one_by_one(task) if task.alone else self.job.source.items(task),
            self.job.facts.sample_rate,
            0.0 if task.alone else settings.window_seconds,
            0 if task.alone else settings.loaders,
            task.location,
        ):
            if settings.strict and window.faults:
                raise SecoustiError(f"{window.faults[0].id}: {window.faults[0].reason}")
            yield window

    def _one_by_one(self, task: Task) -> Iterator[Item]:
        """The items, each announced before it is opened; those to skip are faults."""
        for place, item in enumerate(self.job.source.items(task)):
            if place in task.skip:
                yield Item(item.id, broken(_DEADLY))
                continue
            self.announce(Begun(place))
            yield item

    def _tokenize(self, window: Window, per_item: float) -> Generator[Event, None, list[TokenRow]]:
        """The rows of a window in input order; yields progress on the way."""
        yield Progress(per_item * len(window.faults), 0.0)
        rows: dict[int, TokenRow] = {}
        for i, tokens in self._tokens(window):
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
        return [rows[i] for i in sorted(rows)]

    def _tokens(self, window: Window) -> Iterator[tuple[int, Tokens]]:
        """Batch by batch; where a batch fails, one by one, and what still fails is a fault."""
        left = dict(enumerate(window.audio))
        try:
            for i, tokens in self.tokenizer(window.audio):
                del left[i]
                yield i, tokens
        except (RuntimeError, MemoryError):  # what PyTorch raises, for want of memory too
            yield from self._tokens_alone(window, left)

    def _tokens_alone(
        self, window: Window, audio: dict[int, Tensor]
    ) -> Iterator[tuple[int, Tokens]]:
        for i, wav in audio.items():
            try:
                ((_, tokens),) = self.tokenizer([wav])
            except (RuntimeError, MemoryError) as error:
                reason = f"its tokens could not be computed ({str(error).strip() or 'no memory'})"
                if self.job.settings.strict:
                    raise SecoustiError(f"{window.items[i].id}: {reason}") from error
                window.faults.append(Fault(window.items[i].id, reason))
            else:
                yield i, tokens


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
    files = {path.name: path.stat().st_size for path in sorted(parts.iterdir())}
    digest = hash_of_files(parts, files)
    for name in files:
        with open(parts / name, "rb") as file:
            os.fsync(file.fileno())
        os.replace(parts / name, shards / name)
    return files, digest
