"""The memory of an output folder: what it is for, what is done, and who is at work.

Everything lies in ``OUT/.secousti``: ``plan.json`` (what must not change), ``lock``, and a
journal to which one line is appended when a shard is in its place. Shards are renamed into
place before that line is written, so a kill between the two costs the work of one shard, which
is then made again with the same bytes.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from secousti.atomic import replacing
from secousti.errors import SecoustiError
from secousti.extraction.items import Fault

STATE = ".secousti"
SHARDS = "shards"


@dataclass(frozen=True)
class Record:
    """A finished shard: its files and their sizes, a hash over them, and what is in them."""

    shard: int
    files: dict[str, int]
    hash: str
    items: int
    tokens: int
    seconds: float
    faults: tuple[Fault, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "faults": [asdict(fault) for fault in self.faults]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Record:
        """What ``to_json`` made."""
        return cls(**{**data, "faults": tuple(Fault(**fault) for fault in data["faults"])})


class Journal:
    """The state of one output folder, for one of ``world_size`` cooperating processes.

    Raises:
        SecoustiError: ``folder`` holds other things, or was begun with other settings.
    """

    def __init__(self, folder: Path, identity: dict[str, Any], rank: int = 0) -> None:
        self.folder = folder
        self.state = folder / STATE
        self.rank = rank
        self._settle(identity)
        self._path = self.state / f"journal.{rank}.jsonl"
        _drop_torn_line(self._path)
        self.done = {r.shard: r for r in self._read() if self._is_whole(r)}
        self._file = open(self._path, "a", encoding="utf-8")  # noqa: SIM115  (closed by close())

    def add(self, record: Record) -> None:
        """Note a finished shard, durably."""
        self._file.write(json.dumps(record.to_json(), ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.done[record.shard] = record

    def refresh(self) -> None:
        """See what the other processes have finished."""
        self.done = {r.shard: r for r in self._read()}

    def close(self) -> None:
        """Close the journal file."""
        self._file.close()

    def finish(self, index: dict[str, Any]) -> None:
        """Every shard is there: write ``index.json`` and ``faults.jsonl``."""
        records = [self.done[shard] for shard in sorted(self.done)]
        faults = (asdict(fault) for record in records for fault in record.faults)
        with replacing(self.folder / "faults.jsonl") as partial:
            lines = (json.dumps(fault, ensure_ascii=False) + "\n" for fault in faults)
            partial.write_text("".join(lines), encoding="utf-8")
        shards = [{k: v for k, v in r.to_json().items() if k != "faults"} for r in records]
        text = json.dumps({**index, "totals": totals(records), "shards": shards}, indent=1)
        with replacing(self.folder / "index.json") as partial:
            partial.write_text(text + "\n", encoding="utf-8")
        shutil.rmtree(self.state / "parts", ignore_errors=True)

    def _settle(self, identity: dict[str, Any]) -> None:
        path = self.state / "plan.json"
        if path.is_file():
            _check_same(json.loads(path.read_text(encoding="utf-8")), identity, self.folder)
            return
        with replacing(path) as partial:
            partial.write_text(json.dumps(identity, indent=1) + "\n", encoding="utf-8")

    def _read(self) -> Iterator[Record]:
        for path in sorted(self.state.glob("journal.*.jsonl")):
            for line in path.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):  # another process may be writing its last one
                    yield Record.from_json(json.loads(line))

    def _is_whole(self, record: Record) -> bool:
        shards = self.folder / SHARDS
        return all(_size(shards / name) == size for name, size in record.files.items())


@contextmanager
def locked(folder: Path, rank: int = 0) -> Iterator[None]:
    """Hold the output for this process; the lock goes when the process does, however it ends.

    Raises:
        SecoustiError: another run is at work there, or the folder holds something else.
    """
    state = folder / STATE
    if folder.is_dir() and not state.is_dir() and any(folder.iterdir()):
        raise SecoustiError(f"{folder} holds other files; name a new folder for the tokens")
    state.mkdir(parents=True, exist_ok=True)
    with open(state / f"lock.{rank}", "a+", encoding="utf-8") as file:
        _lock(file, folder)
        yield


def totals(records: Iterable[Record]) -> dict[str, Any]:
    """Sums over shards."""
    records = list(records)
    return {
        "shards": len(records),
        "items": sum(r.items for r in records),
        "tokens": sum(r.tokens for r in records),
        "hours": sum(r.seconds for r in records) / 3600,
        "bytes": sum(sum(r.files.values()) for r in records),
        "faults": sum(len(r.faults) for r in records),
    }


def _lock(file: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        raise SecoustiError(
            f"another run is writing to {folder} ({file.read().strip() or 'unknown process'}); "
            "wait for it or choose another folder"
        ) from error
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}")
    file.flush()


def _check_same(begun: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    changed = [
        f"{name} was {begun.get(name)!r}, is {now.get(name)!r}"
        for name in sorted(begun.keys() | now.keys())
        if begun.get(name) != now.get(name)
    ]
    if changed:
        raise SecoustiError(
            f"{folder} was begun otherwise and tokens must not be mixed: {'; '.join(changed)}. "
            "Choose a new folder, or repeat the first settings"
        )


def _drop_torn_line(path: Path) -> None:
    """A kill may leave half a line, which the next one must not be glued to."""
    if not path.is_file():
        return
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1
