"""``extract``: from a corpus to a folder of token shards, exactly once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from secousti.errors import SecoustiError
from secousti.extraction.engines import Engine, run_engine
from secousti.extraction.inputs import Kind, open_source
from secousti.extraction.inputs.base import Source
from secousti.extraction.items import Task
from secousti.extraction.journal import (
    STATE,
    Journal,
    Judgement,
    Record,
    differs,
    locked,
    totals,
)
from secousti.extraction.settings import LAYOUT, CodecFacts, Settings, identity
from secousti.extraction.shard import Event, Job
from secousti.extraction.stamp import stamp


@dataclass(frozen=True)
class Summary:
    """What is in the output now, and what this run added.

    ``complete``: every shard is there (with several ranks, the last one to end sees it).
    ``renewed``: why finished shards were made again, a sentence each.
    """

    output: Path
    totals: dict[str, Any]
    shards_made: int
    shards_kept: int
    faults: list[dict[str, str]]
    complete: bool
    renewed: list[str]


@dataclass(frozen=True)
class Rank:
    """Which of several cooperating processes this is (``torchrun``, ``accelerate launch``)."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @classmethod
    def from_environment(cls) -> Rank:
        """What the launcher says; alone without one."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        return cls(
            *(int(os.environ.get(n, d)) for n, d in zip(names, ("0", "1", "0"), strict=True))
        )

    def device(self, device: str) -> str:
        """``cuda`` means this rank's own GPU."""
        return f"cuda:{self.local_rank}" if device == "cuda" and self.world_size > 1 else device


Watch = Callable[[list[Task], list[Task]], Callable[[Event], None]]


def extract(
    source: str | Path,
    output: str | Path,
    settings: Settings,
    *,
    engine: Engine = "local",
    processes: int | None = None,
    kind: Kind = "auto",
    watch: Watch | None = None,
    rank: Rank | None = None,
    verify: bool = False,
) -> Summary:
    """Tokens of every recording of ``source`` as shards in ``output``; continues what is there.

    Args:
        source: folder, ``.jsonl`` manifest, lhotse Shar, WebDataset or Parquet; a path or URL.
        output: a folder on a disk that every process sees.
        processes: workers on this machine (or in the Ray cluster); by default one a core, or
            one a GPU.
        watch: called with (all tasks, tasks to do), returns a function called with every event.
        rank: which of several launched processes this is; read from the environment by default.
        verify: read every finished shard against its hash.

    A finished shard is made again where its files are missing or damaged, and where its recordings
    have changed since (``settings.fingerprint``).

    Raises:
        SecoustiError: another run is at work, other settings or another model were used before,
            the input has changed, or a recording is bad in a strict run.
    """
    rank = rank or Rank.from_environment()
    output = Path(output)
    settings = replace(settings, device=rank.device(settings.device))
    with locked(output, rank.rank):
        if rank.world_size == 1:
            _clear_leftovers(output)
        found = open_source(str(source), output / STATE, settings.shard_size, kind)
        facts = CodecFacts.of(settings.load_codec("cpu"))
        tasks = found.tasks()
        begun = identity(settings, facts, found.fingerprint())
        journal = Journal(output, begun, _judge(found, tasks, output, settings, verify), rank.rank)
        mine = [t for t in tasks[rank.rank :: rank.world_size] if t.index not in journal.done]
        job = Job(found, settings, facts, output.absolute())
        count = processes or _default_processes(settings.device, rank)
        try:
            _work(journal, run_engine(engine, mine, job, count), watch and watch(tasks, mine))
            return _finish(journal, tasks, mine, facts, settings)
        finally:
            journal.close()


def _clear_leftovers(output: Path) -> None:
    """What a killed run was writing: shards, and files that had not got their names yet."""
    shutil.rmtree(output / STATE / "parts", ignore_errors=True)
    for folder in (output, output / STATE):
        for name in ("index.json", "faults.jsonl", "plan.json", "inputs.jsonl"):
            for partial in folder.glob(f".{name}.*.part"):
                partial.unlink(missing_ok=True)


def _judge(
    source: Source, tasks: list[Task], output: Path, settings: Settings, verify: bool
) -> Judgement:
    """What makes a finished shard worth making again."""
    by_index = {task.index: task for task in tasks}

    def judge(record: Record) -> str | None:
        now = stamp(source.files(by_index[record.shard]), settings.fingerprint)
        if record.stamp not in ("", now):
            return f"recordings of shard {record.shard} have changed since it was made"
        return differs(record, output) if verify else None

    return judge


def _work(journal: Journal, events: Any, notify: Callable[[Event], None] | None) -> None:
    for event in events:
        if isinstance(event, Record):
            journal.add(event)
        if notify is not None:
            notify(event)


def _finish(
    journal: Journal, tasks: list[Task], mine: list[Task], facts: CodecFacts, settings: Settings
) -> Summary:
    journal.refresh()
    complete = len(journal.done) == len(tasks)
    if complete:
        journal.finish({"layout": LAYOUT, "format": settings.format, "codec": asdict(facts)})
    records = journal.done.values()
    return Summary(
        output=journal.folder,
        totals=totals(records),
        shards_made=len(mine),
        shards_kept=len(records) - len(mine),
        faults=[asdict(fault) for record in records for fault in record.faults],
        complete=complete,
        renewed=journal.renewed,
    )


def _default_processes(device: str, rank: Rank) -> int:
    if rank.world_size > 1:
        return 1
    if device.startswith("cuda"):
        return max(torch.cuda.device_count(), 1) if device == "cuda" else 1
    if device != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_index(output: str | Path) -> dict[str, Any]:
    """``index.json`` of a finished extraction.

    Raises:
        SecoustiError: there is none, or it is damaged.
    """
    path = Path(output) / "index.json"
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SecoustiError(
            f"{output} is no finished extraction: {path.name} is missing; "
            "run 'secousti extract' to its end"
        ) from error
    except ValueError:
        index = None
    if not isinstance(index, dict) or not {"codec", "format", "shards", "totals"} <= index.keys():
        raise SecoustiError(
            f"{path} is damaged: run the same 'secousti extract' again, which writes it anew"
        )
    return index
