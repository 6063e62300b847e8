"""Where numbers, sounds and pictures of a run go: a CSV always, TensorBoard and wandb if asked."""

from __future__ import annotations

import csv
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from secousti.atomic import replacing
from secousti.errors import SecoustiError, require


class Tracker(Protocol):
    """One destination. ``image`` is uint8 [H, W, 3]; ``audio`` float32 [N].

    ``rewind``: the run goes on after ``step``; what was logged of later steps comes again.
    """

    def scalars(self, step: int, values: dict[str, float]) -> None: ...
    def audio(self, step: int, name: str, samples: np.ndarray, rate: int) -> None: ...
    def image(self, step: int, name: str, pixels: np.ndarray) -> None: ...
    def rewind(self, step: int) -> None: ...
    def close(self) -> None: ...


class CsvTracker:
    """``metrics.csv`` in long form: step, name, value; each step's rows once, in order.

    A run that continues replaces the rows of a step when it comes there again, not before: a
    file is never shorter than what its run has done.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path, self.step = path, step
        if not path.exists():
            self._write([])
        self.rewind(step)
        self.file = path.open("a", newline="", encoding="utf-8")

    def scalars(self, step: int, values: dict[str, float]) -> None:
        if step > self.step:
            self._forget_from(step)
            self.step = step
        rows = [[step, name, repr(float(value))] for name, value in values.items()]
        csv.writer(self.file).writerows(rows)
        self.file.flush()

    def audio(self, step: int, name: str, samples: np.ndarray, rate: int) -> None:
        """Numbers only."""

    def image(self, step: int, name: str, pixels: np.ndarray) -> None:
        """Numbers only."""

    def rewind(self, step: int) -> None:
        self.step = step
        cut_off = not self.path.read_text("utf-8").endswith("\n")
        self.stale = cut_off or any(int(row[0]) > step for row in _rows(self.path))

    def close(self) -> None:
        self.file.close()

    def _forget_from(self, step: int) -> None:
        """Drop rows of ``step`` and later, which an earlier life of the run wrote."""
        if not self.stale:
            return
        self.stale = False
        self._write([row for row in _rows(self.path) if int(row[0]) < step])
        self.file.close()
        self.file = self.path.open("a", newline="", encoding="utf-8")

    def _write(self, rows: list[list[str]]) -> None:
        with (
            replacing(self.path) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file).writerows([["step", "name", "value"], *rows])


class TensorBoardTracker:
    """Event files in ``OUTPUT/tensorboard``."""

    def __init__(self, folder: Path, step: int) -> None:
        require("tensorboard", "train")
        from torch.utils.tensorboard import SummaryWriter

        self.folder, self.kind = str(folder), SummaryWriter
        self.writer = SummaryWriter(self.folder, purge_step=step + 1)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def audio(self, step: int, name: str, samples: np.ndarray, rate: int) -> None:
        self.writer.add_audio(name, samples[None], step, sample_rate=rate)

    def image(self, step: int, name: str, pixels: np.ndarray) -> None:
        self.writer.add_image(name, pixels, step, dataformats="HWC")

    def rewind(self, step: int) -> None:
        self.writer.close()
        self.writer = self.kind(self.folder, purge_step=step + 1)

    def close(self) -> None:
        self.writer.close()


class WandbTracker:
    """A wandb run of its own for every output folder (``WANDB_MODE=offline`` needs no account).

    Raises:
        SecoustiError: wandb does not start, say without a login.
    """

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.wandb = require("wandb", "train")
        try:
            self.run = self.wandb.init(
                project="secousti",
                name=folder.resolve().name,
                dir=str(folder),
                config=config,
                resume="allow",
                id=_run_id(folder),
            )
        except self.wandb.Error as error:
            raise SecoustiError(
                f"wandb does not start ({error}); run 'wandb login', set WANDB_MODE=offline, or "
                "take wandb out of the run's trackers"
            ) from None

    def scalars(self, step: int, values: dict[str, float]) -> None:
        self.run.log(values, step=step)

    def audio(self, step: int, name: str, samples: np.ndarray, rate: int) -> None:
        self.run.log({name: self.wandb.Audio(samples, sample_rate=rate)}, step=step)

    def image(self, step: int, name: str, pixels: np.ndarray) -> None:
        self.run.log({name: self.wandb.Image(pixels)}, step=step)

    def rewind(self, step: int) -> None:
        """wandb takes no step twice: what comes again is left out there."""

    def close(self) -> None:
        self.run.finish()


def _run_id(folder: Path) -> str:
    """The same in every life of a run, another for every other folder, whatever its name."""
    note = folder / "wandb_run.txt"
    if not note.is_file():
        with replacing(note) as partial:
            partial.write_text(uuid.uuid4().hex[:12], "utf-8")
    return note.read_text("utf-8").strip()


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


def _rows(path: Path) -> list[list[str]]:
    """Whole rows of a ``metrics.csv`` without its header."""
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.reader(file) if len(row) == 3 and row[0].isdecimal()]
