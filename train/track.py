"""Where numbers, sounds and pictures of a run go: a CSV always, TensorBoard and wandb if asked."""

from __future__ import annotations

import csv
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from secousti.errors import SecoustiError, require


class Tracker(Protocol):
    """One destination. ``image`` is uint8 [H, W, 3]; ``audio`` float32 [N]."""

    def scalars(self, step: int, values: dict[str, float]) -> None: ...
    def audio(self, step: int, name: str, samples: np.ndarray, rate: int) -> None: ...
    def image(self, step: int, name: str, pixels: np.ndarray) -> None: ...
    def close(self) -> None: ...


class CsvTracker:
    """``metrics.csv`` in long form: step, name, value; rows after ``step`` are cut on resume."""

    def __init__(self, path: Path, step: int) -> None:
        kept = _rows_up_to(path, step) if path.exists() else []
        partial = path.with_suffix(".part")
        with partial.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["step", "name", "value"], *kept])
        partial.replace(path)
        self.file = path.open("a", newline="", encoding="utf-8")
        self.writer = csv.writer(self.file)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        self.writer.writerows([step, name, repr(value)] for name, value in values.items())
        self.file.flush()

    def audio(self, step: int, name: str, samples: np.ndarray, rate: int) -> None:
        """Numbers only."""

    def image(self, step: int, name: str, pixels: np.ndarray) -> None:
        """Numbers only."""

    def close(self) -> None:
        self.file.close()


class TensorBoardTracker:
    """Event files in ``OUTPUT/tensorboard``."""

    def __init__(self, folder: Path, step: int) -> None:
        require("tensorboard", "train")
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder), purge_step=step + 1)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def audio(self, step: int, name: str, samples: np.ndarray, rate: int) -> None:
        self.writer.add_audio(name, samples[None], step, sample_rate=rate)

    def image(self, step: int, name: str, pixels: np.ndarray) -> None:
        self.writer.add_image(name, pixels, step, dataformats="HWC")

    def close(self) -> None:
        self.writer.close()


class WandbTracker:
    """A wandb run (``WANDB_MODE=offline`` needs no account); the run's id is its folder."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.wandb = require("wandb", "train")
        name = folder.resolve().name
        self.run = self.wandb.init(
            project="secousti", name=name, dir=str(folder), config=config, resume="allow", id=name
        )

    def scalars(self, step: int, values: dict[str, float]) -> None:
        self.run.log(values, step=step)

    def audio(self, step: int, name: str, samples: np.ndarray, rate: int) -> None:
        self.run.log({name: self.wandb.Audio(samples, sample_rate=rate)}, step=step)

    def image(self, step: int, name: str, pixels: np.ndarray) -> None:
        self.run.log({name: self.wandb.Image(pixels)}, step=step)

    def close(self) -> None:
        self.run.finish()


def open_trackers(
    names: Sequence[str], output: Path, step: int, config: dict[str, Any]
) -> list[Tracker]:
    """The CSV and the trackers called ``names``; a resumed run continues after ``step``.

    Raises:
        SecoustiError: an unknown name, or a package that is missing.
    """
    output.mkdir(parents=True, exist_ok=True)
    trackers: list[Tracker] = [CsvTracker(output / "metrics.csv", step)]
    for name in names:
        if name == "tensorboard":
            trackers.append(TensorBoardTracker(output / "tensorboard", step))
        elif name == "wandb":
            trackers.append(WandbTracker(output, config))
        else:
            raise SecoustiError(f"unknown tracker {name!r}; known are tensorboard and wandb")
    return trackers


class Meter:
    """Means of losses between two log lines; its sums are saved, so that resuming changes none."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)

    def add(self, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.sums[name] += value
            self.counts[name] += 1

    def take(self) -> dict[str, float]:
        """The means since the last call."""
        means = {name: total / self.counts[name] for name, total in self.sums.items()}
        self.__init__()  # type: ignore[misc]
        return means

    def state(self) -> dict[str, dict[str, float]]:
        return {"sums": dict(self.sums), "counts": dict(self.counts)}

    def load(self, state: dict[str, dict[str, float]]) -> None:
        self.sums = defaultdict(float, state["sums"])
        self.counts = defaultdict(int, {k: int(v) for k, v in state["counts"].items()})


class EventLog:
    """``events.jsonl``: what went wrong and when, for people."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, kind: str, **details: Any) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"time": time.time(), "event": kind, **details})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _rows_up_to(path: Path, step: int) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if len(row) == 3]
    return [row for row in rows[1:] if int(row[0]) <= step]
