"""The memory of an output folder: what it is for, what is done, and who is at work.

Everything lies in ``OUT/.secousti``: ``plan.json`` (what must not change), ``lock``, and a
journal to which one line is appended when a shard is in its place. Shards are renamed into
place before that line is written, so a kill between the two costs the work of one shard, which
is then made again with the same bytes. A line carries a checksum: one that a disk damaged is not
believed, and costs the work of its shard.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from secousti.atomic import replacing
from secousti.errors import SecoustiError
from secousti.extraction.items import Fault
from secousti.lock import locked as hold

STATE = ".secousti"
SHARDS = "shards"
_UNPUBLISHED = ("faults", "stamp", "generation")  # of a record: not in index.json


@dataclass(frozen=True)
class Record:
    """A finished shard: its files and their sizes, a hash over them, and what is in them.

    ``stamp``: what its recordings were when it was made (``Source.stamp``); ``generation``: how
    often it was made again since, by any process.
    """

    shard: int
    files: dict[str, int]
    hash: str
    items: int
    tokens: int
    seconds: float
    faults: tuple[Fault, ...] = ()
    stamp: str = ""
    generation: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "faults": [asdict(fault) for fault in self.faults]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Record:
        """What ``to_json`` made."""
        return cls(**{**data, "faults": tuple(Fault(**fault) for fault in data["faults"])})

    def to_line(self) -> str:
        """A line of the journal, with the checksum of what it says."""
        data = self.to_json()
        return json.dumps({**data, "crc": _crc(data)}) + "\n"

    @classmethod
    def from_line(cls, line: bytes) -> Record | None:
        """What ``to_line`` made; ``None`` for a line that is damaged."""
        try:
            data = json.loads(line)
            crc = data.pop("crc", None)
            return cls.from_json(data) if crc is None or crc == _crc(data) else None
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


Judgement = Callable[[Record], str | None]


class Journal:
    """The state of one output folder, for one of ``world_size`` cooperating processes.

    Args:
        judge: says why a finished shard must be made again, or ``None`` if it stands.

    Attributes:
        done: records of the shards that stand.
        renewed: why the others must be made again, a sentence each.

    Raises:
        SecoustiError: ``folder`` holds other things, or was begun with other settings.
    """

    def __init__(
        self, folder: Path, identity: dict[str, Any], judge: Judgement, rank: int = 0
    ) -> None:
        self.folder = folder
        self.state = folder / STATE
        self.rank = rank
        self._settle(identity)
        self._path = self.state / f"journal.{rank}.jsonl"
        _drop_torn_line(self._path)
        self.renewed: list[str] = []
        noted = self._latest(self.renewed)
        self._generations = {shard: record.generation for shard, record in noted.items()}
        self.done = {r.shard: r for r in noted.values() if self._stands(r, judge)}
        self._file = open(self._path, "a", encoding="utf-8")  # noqa: SIM115  (closed by close())

    def add(self, record: Record) -> None:
        """Note a finished shard, durably."""
        record = replace(record, generation=self._generations.get(record.shard, -1) + 1)
        self._file.write(record.to_line())
        self._file.flush()
        os.fsync(self._file.fileno())
        self.done[record.shard] = record

    def refresh(self) -> None:
        """See what the other processes have finished."""
        self.done = {**self._latest([]), **self.done}

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
        shards = [{k: v for k, v in r.to_json().items() if k not in _UNPUBLISHED} for r in records]
        text = json.dumps({**index, "totals": totals(records), "shards": shards}, indent=1)
        with replacing(self.folder / "index.json") as partial:
            partial.write_text(text + "\n", encoding="utf-8")
        shutil.rmtree(self.state / "parts", ignore_errors=True)

    def _settle(self, identity: dict[str, Any]) -> None:
        path = self.state / "plan.json"
        if path.is_file():
            _check_same(_read_plan(path), identity, self.folder)
            return
        with replacing(path) as partial:
            partial.write_text(json.dumps(identity, indent=1) + "\n", encoding="utf-8")

    def _latest(self, damage: list[str]) -> dict[int, Record]:
        """The last word of all journals on every shard; damaged lines are named in ``damage``."""
        latest: dict[int, Record] = {}
        for path in sorted(self.state.glob("journal.*.jsonl")):
            for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
                if not line.endswith(b"\n"):  # another process may be writing its last one
                    continue
                record = Record.from_line(line)
                if record is None:
                    damage.append(f"line {number} of {path} is damaged")
                elif record.generation >= latest.get(record.shard, record).generation:
                    latest[record.shard] = record
        return latest

    def _stands(self, record: Record, judge: Judgement) -> bool:
        for name, size in record.files.items():
            there = _size(self.folder / SHARDS / name)
            if there != size:
                found = "is missing" if there < 0 else f"has {there} bytes instead of {size}"
                self.renewed.append(f"{SHARDS}/{name} {found}")
                return False
        reason = judge(record)
        if reason is not None:
            self.renewed.append(reason)
        return reason is None


def hash_of_files(folder: Path, names: Iterable[str]) -> str:
    """A hash over the bytes of a shard's files, in the order of their names.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(names):
        with open(folder / name, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def differs(record: Record, folder: Path) -> str | None:
    """Why the files of a shard are not the ones that were written, or ``None`` if they are."""
    try:
        same = hash_of_files(folder / SHARDS, record.files) == record.hash
    except OSError as error:
        return f"shard {record.shard} cannot be read ({error.strerror or error})"
    return None if same else f"shard {record.shard} is damaged: its hash is another"


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
    with hold(state / f"lock.{rank}", folder):
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


def _read_plan(path: Path) -> dict[str, Any]:
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        plan = None
    if not isinstance(plan, dict):
        raise SecoustiError(
            f"{path} is damaged, so nothing says which model and settings made the shards there: "
            "choose a new folder, or delete that file if this command is the one that began it"
        )
    return plan


def _crc(data: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(data, sort_keys=True).encode())


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
