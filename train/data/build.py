"""The cache of decoded audio: parts that appear whole, named by what they were made from.

A part is ``KEY.i16`` (samples one after another) and ``KEY.json`` (one entry a recording), which
is written last. Packing can be killed at any moment and goes on with the parts that are missing.
Processes need not agree on who packs: the first to lock the cache does, the others find it done.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from rich.console import Console
from rich.progress import Progress

from secousti.atomic import replacing
from secousti.errors import SecoustiError

Entry = tuple[dict[str, Any], np.ndarray]  # about a recording, its int16 samples


class Part(ABC):
    """Recordings that are packed together: ``count`` of them, into files called ``key``."""

    key: str
    count: int

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Each recording; one with a ``fault`` has no samples."""


def key_of(*sources: Any) -> str:
    """A name for whatever JSON can say."""
    text = json.dumps(sources, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def part_files(cache: Path, part: Part) -> tuple[Path, Path]:
    """Samples and entries of a part."""
    return cache / f"{part.key}.i16", cache / f"{part.key}.json"


def pack(parts: Sequence[Part], cache: Path, workers: int) -> None:
    """Make the parts that ``cache`` lacks, on ``workers`` threads (decoders leave Python alone).

    Raises:
        SecoustiError: the cache cannot be written.
    """
    if not _missing(parts, cache):
        return
    try:
        with _locked(cache), _bar() as progress:
            missing = _missing(parts, cache)  # another process may have made them meanwhile
            task = progress.add_task("packing audio", total=sum(part.count for part in missing))
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda p: _write(p, cache, lambda: progress.advance(task)), missing))
    except OSError as error:
        raise SecoustiError(
            f"the cache {cache} cannot be written ({error.strerror or error}); free space, or name "
            "another folder in data.cache: what is packed already stays"
        ) from error


def _bar() -> Progress:
    """For people who watch; standard output is for results."""
    console = Console(stderr=True)
    return Progress(transient=True, console=console, disable=not console.is_terminal)


def _missing(parts: Sequence[Part], cache: Path) -> list[Part]:
    unique = {part.key: part for part in parts}
    return [part for part in unique.values() if not _is_whole(cache, part)]


def _is_whole(cache: Path, part: Part) -> bool:
    samples, entries = part_files(cache, part)
    try:
        rows = json.loads(entries.read_text("utf-8"))
        return samples.stat().st_size == 2 * sum(row.get("length", 0) for row in rows)
    except (OSError, ValueError):
        return False


def _write(part: Part, cache: Path, advance: Callable[[], None]) -> None:
    samples, entries = part_files(cache, part)
    rows, offset = [], 0
    with replacing(samples) as partial, partial.open("wb") as file:
        for row, pcm in part.entries():
            if "fault" not in row:
                row |= {"offset": offset, "length": len(pcm)}
            rows.append(row)
            file.write(pcm.tobytes())
            offset += len(pcm)
            advance()
    with replacing(entries) as partial:  # appears last: it declares the samples complete
        partial.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Alone in the cache; the lock ends with the process, however it ends."""
    cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(cache / ".lock")
    with suppress(OSError, NotImplementedError):  # without locks packing twice gives the same files
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
