"""Allocations fail here and there: a sentence or a fault, nothing half-written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import save_file

from secousti import files
from secousti.audio.io import save_audio
from secousti.errors import SecoustiError
from secousti.extraction import extract
from secousti.extraction.settings import Settings
from tests.failures import Disk, failing_memory
from tests.test_injected_failures import below, codec, loaded_once, model
from tests.toy import toy_speech
from train.engine.checkpoint import CheckpointFolder, find_fault, read_state

__all__ = ["codec", "loaded_once", "model"]  # fixtures
POINTS = 24  # of the thousands of allocations of a piece of work


def failing(work: Callable[[], object], points: int = POINTS) -> Iterator[tuple[Disk, object]]:
    """Spread over its allocations, let one fail: which, and what ``work`` gave or raised."""
    work()  # what is made once and kept is not counted
    with failing_memory() as memory:
        work()
    for at in np.unique(np.linspace(1, 0.95 * memory.asked, points).astype(int)).tolist():
        with failing_memory(at) as memory:
            try:
                outcome: object = work()
            except (MemoryError, RuntimeError, SecoustiError) as error:
                outcome = error
        assert memory.failed is not None
        yield memory, outcome


@pytest.mark.parametrize("way", ["encode", "roundtrip", "decode"])
def test_files(way: str, model: str, tmp_path: Path, loaded_once: None) -> None:
    """An older output stays as it was where the new one could not be made, and is told of."""
    save_audio(tmp_path / "a.wav", toy_speech(1.0), 22050)
    files.encode([str(tmp_path / "a.wav")], str(tmp_path / "a.sct"), model=model)
    source = tmp_path / ("a.sct" if way == "decode" else "a.wav")
    target = tmp_path / "out" / ("a.sct" if way == "encode" else "b.wav")
    target.parent.mkdir()

    def work() -> list[str | None]:
        target.write_bytes(b"older")
        results = getattr(files, way)([str(source)], str(target), model=model, force=True)
        return [result.error for result in results]

    assert work() == [None]
    new = below(target.parent)
    for memory, outcome in failing(work):
        assert isinstance(outcome, (list, SecoustiError)), (memory.failed, outcome)
        wanted = new if outcome == [None] else {target.name: b"older"}
        assert below(target.parent) == wanted, memory.failed


def test_checkpoints(tmp_path: Path) -> None:
    """The last good one is whole, and the same step can be saved again."""
    checkpoints = CheckpointFolder(tmp_path / "checkpoints", keep_last=2)

    def write(folder: Path) -> None:
        save_file({"w": torch.full((4,), 2.0) + 1}, folder / "weights.safetensors")
        (folder / "state.json").write_text('{"step": 2}')

    def work() -> None:
        checkpoints.save(2, write, best=False)

    for _ in failing(work, 1000):
        good, damaged = checkpoints.last_good()
        assert good is not None
        assert read_state(good)["step"] == 2
        assert damaged == {}
        assert all(find_fault(path) is None for path in checkpoints.all())
        work()


def test_extraction(tmp_path: Path, model: str, loaded_once: None) -> None:
    """A recording is a fault of its own, or all goes on; what is there is what it would be."""
    corpus = tmp_path / "corpus"
    for i in range(3):
        save_audio(corpus / f"{i}.wav", toy_speech(0.4 + 0.3 * i, seed=i), 22050)
    settings = Settings(model, shard_size=2, batch_seconds=3.0, window_seconds=2.5)
    number = 0

    def work() -> Path:
        nonlocal number
        number += 1
        extract(corpus, tmp_path / f"out{number}", settings, processes=1)
        return tmp_path / f"out{number}"

    wanted = rows(work())
    assert len(wanted) == 3
    for memory, outcome in failing(work, 12):
        folder = tmp_path / f"out{number}"
        found = rows(folder)
        assert all(wanted[name] == row for name, row in found.items()), memory.failed
        assert isinstance(outcome, Exception) or len(found) >= 2, memory.failed
        if isinstance(outcome, Exception):  # the same command goes on
            extract(corpus, folder, settings, processes=1)
            assert rows(folder) == wanted


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    """The published rows by their id."""
    shards = [path for path in sorted(folder.rglob("*.parquet")) if ".secousti" not in str(path)]
    return {row["id"]: row for path in shards for row in parquet.read_table(path).to_pylist()}
