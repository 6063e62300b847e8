"""lhotse Shar: ``cuts.000000.jsonl.gz`` beside ``recording.000000.tar``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from secousti.audio.io import check_audio
from secousti.errors import SecoustiError, require
from secousti.extraction.inputs.base import Source, fingerprint_of_files
from secousti.extraction.inputs.others import joined
from secousti.extraction.items import Item, Task
from secousti.extraction.storage import matching, open_binary, size_of

_COPY = 1 << 20


@dataclass(frozen=True)
class Shar(Source):
    """Each Shar shard becomes one shard of the output; a cut is an utterance."""

    cuts: tuple[str, ...]
    recordings: tuple[str, ...]

    @classmethod
    def open(cls, location: str) -> Shar:
        """The shards of a folder.

        Raises:
            SecoustiError: lhotse is missing, or cuts and recordings do not pair up.
        """
        require("lhotse", "extract")
        files = matching(location, ".jsonl", ".jsonl.gz", ".tar", ".tar.gz")
        by_field: dict[str, list[str]] = {"cuts": [], "recording": []}
        for path in files:
            by_field.setdefault(path.rsplit("/", 1)[-1].split(".")[0], []).append(path)
        cuts, recordings = by_field["cuts"], by_field["recording"]
        if not cuts or len(cuts) != len(recordings):
            raise SecoustiError(
                f"{location} holds {len(cuts)} cuts.*.jsonl.gz and {len(recordings)} "
                "recording.*.tar files; a Shar folder has as many of both"
            )
        return cls(tuple(cuts), tuple(recordings))

    def tasks(self) -> list[Task]:
        return [Task(i, path, weight=size_of(path)) for i, path in enumerate(self.recordings)]

    def files(self, task: Task) -> Iterable[str]:
        return [self.cuts[task.index], self.recordings[task.index]]

    def fingerprint(self) -> str:
        return fingerprint_of_files([*self.cuts, *self.recordings])

    def items(self, task: Task) -> Iterator[Item]:
        from lhotse import CutSet

        with (
            _local(self.cuts[task.index]) as cuts,
            _local(self.recordings[task.index]) as recordings,
        ):
            fields = {"cuts": [cuts], "recording": [recordings]}
            for cut in CutSet.from_shar(fields=fields, shuffle_shards=False):
                yield _item(cut)


def _item(cut: Any) -> Item:
    known = joined([segment.to_dict() for segment in cut.supervisions])

    def load() -> tuple[Tensor, int]:
        try:
            audio = cut.load_audio()
        except Exception as error:  # lhotse wraps whatever its audio backends raise
            raise SecoustiError(f"cut {cut.id} cannot be read ({error})") from error
        wav = torch.from_numpy(audio.mean(axis=0)).float()
        return check_audio(wav, f"cut {cut.id}"), int(cut.sampling_rate)

    return Item(str(cut.id), load, known)


@contextmanager
def _local(location: str) -> Iterator[str]:
    """A path on this machine: lhotse opens those; what is remote is copied for the while."""
    if location.startswith("file://"):
        yield location.removeprefix("file://")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / location.rsplit("/", 1)[-1]
        with open_binary(location) as source, open(path, "wb") as copy:
            while block := source.read(_COPY):
                copy.write(block)
        yield str(path)
