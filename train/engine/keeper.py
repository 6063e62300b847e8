"""What a run keeps on the disk, and how it finds its place again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secousti.errors import SecoustiError
from train.engine.checkpoint import STATE, CheckpointFolder, read_state
from train.engine.guard import Guard
from train.engine.learner import write_learner
from train.engine.task import Task
from train.engine.track import EventLog, Meter
from train.engine.tree import plain, read_tree, write_tree

Collected = dict[str, dict[str, Any]]  # of each learner, by name


@dataclass
class Progress:
    """Where a run stands: steps done, micro-batches read, the best validation so far."""

    guard: Guard
    meter: Meter = field(default_factory=Meter)
    step: int = 0
    position: int = 0
    best: float | None = None

    def state(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {
            "step": self.step,
            "position": self.position,
            "best": self.best,
            "guard": self.guard.state(),
            "meter": self.meter.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Stand where ``state`` was taken."""
        self.step, self.position, self.best = state["step"], state["position"], state["best"]
        self.guard.load(state["guard"])
        self.meter.load(state["meter"])


class Keeper:
    """Checkpoints of a task and of a run's progress; every process calls the same methods."""

    def __init__(self, task: Task, progress: Progress, events: EventLog) -> None:
        self.task, self.progress, self.events = task, progress, events
        self.output = Path(task.run.output)
        self.checkpoints = CheckpointFolder(self.output / "checkpoints", task.run.keep_last)

    def save(self, closed: Collected | None = None, best: bool = False) -> None:
        """Of an open stage, or between two (``closed``: what ``Task.close`` gave)."""
        collected = self._collect() if closed is None else closed
        if self.task.accelerator.is_main_process:
            state = self.progress.state() | {
                "open": closed is None,
                "updates": {name: own.get("updates", 0) for name, own in collected.items()},
                "identity": self.task.identity,
                "config": self.task.config,
            }

            def write(folder: Path) -> None:
                self._write(collected, folder)
                (folder / STATE).write_text(json.dumps(state, indent=1), "utf-8")

            path = self.checkpoints.save(self.progress.step, write, best)
            if best:
                self.task.improved(path, self.output)
        self.task.accelerator.wait_for_everyone()

    def restore(self, resume: bool) -> Path | None:
        """Take over the last whole checkpoint; its folder if it is in mid-stage.

        Raises:
            SecoustiError: it is another model's, none is whole, or there is one and the run is
                not to resume.
        """
        if not resume and self.checkpoints.last() is not None:
            raise SecoustiError(
                f"{self.output} already holds a run; continue it, or choose another "
                "training.run.output"
            )
        good, damaged = self.checkpoints.last_good()
        self.task.accelerator.wait_for_everyone()  # all have looked before one moves anything
        for path, fault in damaged.items():
            self._leave_behind(path, fault, good)
        if good is None:
            return None
        state = read_state(good)
        if state["identity"] != json.loads(json.dumps(self.task.identity)):
            raise SecoustiError(
                f"{good} is of another codec configuration; change training.run.output"
            )
        self.progress.load(state)
        self.say(f"continuing from {good}")
        if state["open"]:
            return good
        self.task.restore_closed(good)
        return None

    def load(self, folder: Path) -> None:
        """Weights, averages and optimizers of a checkpoint in mid-stage."""
        updates = read_state(folder)["updates"]
        for name, learner in self.task.learners.items():
            learner.load(folder, name, updates[name])
        for name, module in self.task.modules.items():
            module.load_state_dict(read_tree(folder / f"{name}.safetensors"))

    def go_back(self) -> None:
        """The last checkpoint's weights and optimizers; the data goes on behind the bad place.

        Raises:
            SecoustiError: there is none, or it is the start of this stage.
        """
        last, _ = self.checkpoints.last_good()
        if last is None:
            raise SecoustiError(
                "the loss is not finite and there is no checkpoint to return to; see events.jsonl"
            )
        state = read_state(last)
        if not state["open"]:
            raise SecoustiError(
                f"the loss is not finite right after {last}; lower training.optim.lr"
            )
        self.load(last)
        self.progress.step = state["step"]
        self.progress.meter.load(state["meter"])

    def say(self, text: str) -> None:
        """A line on the main process's terminal."""
        if self.task.accelerator.is_main_process:
            print(text, flush=True)

    def _collect(self) -> Collected:
        return {name: learner.collect() for name, learner in self.task.learners.items()}

    def _write(self, collected: Collected, folder: Path) -> None:
        for name, own in collected.items():
            write_learner(folder, name, own)
        for name, module in self.task.modules.items():
            write_tree(folder / f"{name}.safetensors", plain(module.state_dict()))
        self.task.export(collected, folder)

    def _leave_behind(self, path: Path, fault: str, good: Path | None) -> None:
        """A damaged checkpoint is set aside, and said to be."""
        if self.task.accelerator.is_main_process:
            self.checkpoints.set_aside(path)
            self.events.write("damaged checkpoint", path=str(path), fault=fault, used=str(good))
        self.say(f"warning: the checkpoint {path} is damaged ({fault}); going on from {good}")
