"""Processor time of a browser's threads (Linux), which a busy machine does not change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

WORKER = "DedicatedWorker"  # Chromium's name for the thread of a page's worker
_TICKS = os.sysconf("SC_CLK_TCK")


def worker_seconds() -> float:
    """Of the workers of all browsers below this process."""
    return sum(seconds for name, seconds in _threads() if name.startswith(WORKER))


def _threads() -> Iterator[tuple[str, float]]:
    for process in _descendants(os.getpid()):
        for stat in Path(f"/proc/{process}/task").glob("*/stat"):
            name, fields = _read(stat)
            if fields:
                yield name, (int(fields[11]) + int(fields[12])) / _TICKS


def _descendants(root: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        _, fields = _read(stat)
        if fields:
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    waiting = list(children.get(root, []))
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        yield process


def _read(stat: Path) -> tuple[str, list[str]]:
    """A thread's name and what follows it; no fields if it has ended."""
    try:
        text = stat.read_text()
    except OSError:
        return "", []
    before, _, after = text.rpartition(")")
    return before.partition("(")[2], after.split()
