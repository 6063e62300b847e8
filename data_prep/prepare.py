"""Corpora to shards: runs the plan on several processes, resumes, and sums up."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from data_prep.corpora.source import Source
from data_prep.plan import Plan
from data_prep.report import Summary, write_report
from data_prep.shard import Job, Settings, Statistics, make_shard
from secousti.atomic import replacing
from secousti.errors import SecoustiError
from secousti.lock import locked
from secousti.text.inventory import NUM_SYMBOLS
from secousti.text.phonemizer import Phonemizer

OnShard = Callable[[Statistics], None]


def prepare(
    sources: list[Source],
    folder: Path,
    settings: Settings,
    *,
    workers: int = 1,
    valid_fraction: float = 0.02,
    shard_size: int = 500,
    seed: int = 0,
    on_shard: OnShard = lambda statistics: None,
) -> Summary:
    """Make (or finish making) the shards of ``sources`` in ``folder`` and their report.

    Shards that an earlier run completed from the same rows, files and settings are kept; a run
    killed at any moment can be repeated and gives the same folder as one that was not.

    Raises:
        SecoustiError: another run works in ``folder``, it cannot be written, nothing usable was
            found, or a worker died.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        summary = Summary(folder)
        plan = Plan(folder, sources, settings, valid_fraction, shard_size, seed, summary.add_fault)
        for statistics in _run(plan.jobs(), workers):
            summary.add_shard(statistics)
            on_shard(statistics)
        summary.finish()
        _remove_stale(folder, plan.planned, summary)
        _write_index(folder, settings, summary)
        write_report(summary)
    if not summary.utterances:
        raise SecoustiError(
            f"no utterance was usable; {folder / 'report.md'} names what was wrong with each"
        )
    return summary


def _run(jobs: Iterator[Job], workers: int) -> Iterator[Statistics]:
    """Results of jobs; only a few jobs per worker are ever in memory."""
    if workers <= 1:
        yield from map(make_shard, jobs)
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    running: set[Future[Statistics]] = set()
    try:
        for job in jobs:
            running.add(pool.submit(make_shard, job))
            if len(running) >= 2 * workers:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        yield from (future.result() for future in running)
    except BrokenProcessPool:
        raise SecoustiError(
            "a worker process died (out of memory?); run the same command again to go on, "
            "with fewer --workers if it repeats"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep a second run out; the lock ends with the process, however it ends."""
    work = folder / ".work"
    work.mkdir(exist_ok=True)
    for leftover in work.glob("*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    with locked(work / "lock", folder, "prepare"):
        yield


def _remove_stale(folder: Path, planned: dict[str, int], summary: Summary) -> None:
    """Delete shards of an earlier, longer plan: their rows are in others now."""
    pattern = re.compile(r"(?:cuts|recording|train|valid)\.(\d{6})\.(?:jsonl\.gz|tar|json)")
    for split, count in planned.items():
        ours = [*(folder / split).glob("*"), *(folder / ".work").glob(f"{split}.*.json")]
        for path in ours:
            match = pattern.fullmatch(path.name)
            if match and int(match[1]) >= count:
                path.unlink()
        summary.shards[split] = [i for i in summary.shards.get(split, []) if i < count]


def _write_index(folder: Path, settings: Settings, summary: Summary) -> None:
    """``index.json`` is what a loader needs to read the shards from anywhere."""
    index = {
        "format": "lhotse-shar",
        "version": 1,
        "sample_rate": settings.sample_rate,
        "audio": settings.audio_format,
        "phoneme_symbols": NUM_SYMBOLS,
        "phonemizer": Phonemizer(tagger=settings.tagger).description,
        "splits": {
            split: {
                "shards": sorted(indices),
                "utterances": summary.kept[split],
                "seconds": round(summary.seconds[split], 3),
            }
            for split, indices in sorted(summary.shards.items())
            if indices
        },
    }
    with replacing(folder / "index.json") as partial:
        partial.write_text(json.dumps(index, indent=2), "utf-8")


def fault_summary(summary: Summary) -> str | None:
    """One sentence for ``--strict``, None when there was no fault."""
    if not summary.fault_counts:
        return None
    counts = ", ".join(f"{count} x {kind}" for kind, count in sorted(summary.fault_counts.items()))
    return f"--strict: {counts}; {summary.folder / 'faults.jsonl'} names each one"
