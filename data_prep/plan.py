"""From sources to shard jobs: which split a speaker belongs to, no name twice, fixed order."""

from __future__ import annotations

import hashlib
import random
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.corpora.source import Source
from data_prep.faults import Fault, OnFault
from data_prep.manifest import Row
from data_prep.shard import Job, Settings

_WINDOW = 8  # shards whose rows are shuffled together: mixes speakers in bounded memory


@dataclass
class Plan:
    """A lazy sequence of jobs. The same sources and arguments give the same jobs.

    Args:
        valid_fraction: share of the speakers (by hash of their names) held out for validation,
            where the user did not divide the corpus.
        shard_size: utterances a shard.
    """

    folder: Path
    sources: list[Source]
    settings: Settings
    valid_fraction: float = 0.02
    shard_size: int = 500
    seed: int = 0
    on_fault: OnFault = field(default=lambda fault: None)
    planned: dict[str, int] = field(default_factory=lambda: {"train": 0, "valid": 0})

    def jobs(self) -> Iterator[Job]:
        """Jobs of both splits as their rows come in; ``planned`` counts them."""
        waiting: dict[str, list[Row]] = {"train": [], "valid": []}
        for split, row in self._rows():
            waiting[split].append(row)
            if len(waiting[split]) == _WINDOW * self.shard_size:
                yield from self._shards(split, waiting[split])
                waiting[split] = []
        for split, rows in waiting.items():
            yield from self._shards(split, rows)

    def _shards(self, split: str, rows: list[Row]) -> Iterator[Job]:
        random.Random(f"{self.seed} {split} {self.planned[split]}").shuffle(rows)
        for start in range(0, len(rows), self.shard_size):
            part = [row.to_dict() for row in rows[start : start + self.shard_size]]
            yield Job(str(self.folder), split, self.planned[split], part, self.settings)
            self.planned[split] += 1

    def _rows(self) -> Iterator[tuple[str, Row]]:
        seen = _Names(self.folder / ".work" / "names.sqlite")
        shared: set[str] = set()
        held_out: set[str] = set()
        for source in self.sources:
            for row in source.rows(self.on_fault):
                row.id = safe_name(row.id)
                if not seen.add(row.id):
                    self.on_fault(Fault("duplicate id", row.id, f"again in {source.location}"))
                    continue
                split = source.split or self._split_of(row.speaker)
                if split == "valid":
                    held_out.add(row.speaker)
                elif row.speaker in held_out - shared:
                    shared.add(row.speaker)
                    reason = f"in the validation manifest and in {source.location}"
                    self.on_fault(Fault("speaker in both splits", row.speaker, reason))
                yield split, row
        seen.close()

    def _split_of(self, speaker: str) -> str:
        digest = hashlib.sha256(f"{self.seed} {speaker}".encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2**64
        return "valid" if share < self.valid_fraction else "train"


def safe_name(name: str) -> str:
    """A name that can be a member of a tar file: no folders, no dots."""
    return re.sub(r"[^\w-]+", "_", name.strip("/.")) or "_"


class _Names:
    """A set of names on disk: as many as a corpus has, in a few megabytes of memory."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._path = path
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE names (name TEXT PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, name: str) -> bool:
        """Add a name; False when it was there."""
        cursor = self._database.execute("INSERT OR IGNORE INTO names VALUES (?)", (name,))
        return cursor.rowcount == 1

    def close(self) -> None:
        self._database.close()
        self._path.unlink(missing_ok=True)
