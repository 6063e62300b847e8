"""The training loop: stages, steps, validation, checkpoints, and continuing where it stopped."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from secousti.errors import SecoustiError
from train.data.crops import PositionSampler
from train.engine.checkpoint import STATE, CheckpointFolder, read_state
from train.engine.clock import Clock
from train.engine.display import Display
from train.engine.guard import Guard, Verdict
from train.engine.learner import write_learner
from train.engine.pictures import mel_picture
from train.engine.processes import describe
from train.engine.sound import Sample
from train.engine.task import Stretch, Task
from train.engine.track import EventLog, Meter, Tracker, open_trackers
from train.engine.tree import plain, read_tree, write_tree


class Run:
    """Trains what ``task`` describes.

    Args:
        resume: continue from the last whole checkpoint of the output folder, if there is one;
            otherwise an existing one is an error.

    Raises:
        SecoustiError: the output folder holds another model's run, or no whole checkpoint.
    """

    def __init__(self, task: Task, resume: bool = True) -> None:
        self.task, self.settings, self.accelerator = task, task.run, task.accelerator
        self.main = self.accelerator.is_main_process
        self.output = Path(self.settings.output)
        self.checkpoints = CheckpointFolder(self.output / "checkpoints", self.settings.keep_last)
        self.events = EventLog(self.output / "events.jsonl")
        self.guard, self.meter = Guard(self.settings.patience), Meter()
        self.step = self.position = 0
        self.best: float | None = None
        self.trackers: list[Tracker] = []
        # A signal only tells; the run stops where all processes have agreed to (``_any_stops``).
        self.told_to_stop = self.stopping = False
        self.opened = self._restore(resume)
        self._name_faults()

    # ---------------------------------------------------------------- running
    def run(self) -> None:
        """Train to the last step of the plan, then publish the model."""
        total = self.task.total_steps
        if self.step >= total:
            self._say(
                f"{self.output} is finished: {self.step} of {total} steps; raise their number to "
                "go on, or choose another output to start anew"
            )
        with self._trackers(), _stop_signals(self):
            while self.step < total and not self.stopping:
                self._run_stage(self.task.stage(self.step + 1))
        if self.step >= total and self.main:
            self._say(self.task.publish(self.output))
        self.accelerator.wait_for_everyone()

    def _run_stage(self, stage: Stretch) -> None:
        self.task.open(stage)
        if self.opened is not None:  # a checkpoint from the middle of this stage
            self._load(self.opened)
            self.opened = None
        with Display(stage, self.step, self.main) as display:
            count = sum(p.numel() for x in self.task.learners.values() for p in x.parameters)
            where = describe(self.accelerator)
            display.say(f"stage '{stage.name}': {count / 1e6:.2f} M parameters train; {where}")
            improved = self._steps(stage, display)
        if self.step == stage.last_step:
            last = self.step == self.task.total_steps
            self._save(self._collect() if last else self.task.close(), last, improved)

    def _steps(self, stage: Stretch, display: Display) -> bool:
        """Train to the end of the stage; whether its last validation was the best so far."""
        data, clock, improved = self._loader(), Clock(), False
        while self.step < stage.last_step and not self.stopping:
            verdict = self._one_step(data, clock)
            if verdict != "good":
                display.say(f"step {self.step + 1}: not finite, {verdict}; see events.jsonl")
            self.stopping = self._any_stops()
            if verdict == "back":
                self._go_back()
                data = self._loader()
            if verdict != "good":
                continue
            display.advance()
            improved = self._report(stage, display, clock)
        if self.stopping and self.step < stage.last_step:
            self._save(self._collect(), True)
        return improved

    def _one_step(self, data: Iterator[Any], clock: Clock) -> Verdict:
        """Forward, backward and update of one step; the guard's verdict."""
        step, task = self.step + 1, self.task
        torch.manual_seed(
            random_seed(self.settings.seed, self.position, self.accelerator.process_index)
        )
        with clock.waiting():
            batches = [next(data) for _ in range(task.accumulate)]
        self.position += task.accumulate
        clock.heard += sum(task.seconds(batch) for batch in batches)
        losses = task.learn([to_device(b, self.accelerator.device) for b in batches], step)
        values = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
        # A NaN in the loss of one process is one in the gradient of all: they judge alike.
        names = [name for batch in batches for name in task.names(batch)]
        verdict = self.guard.judge(math.isfinite(values["gradient_norm"]), names)
        if verdict != "good":
            for learner in task.learners.values():
                learner.drop_gradients()
            self.events.write("not finite", step=step, verdict=verdict, batch=names)
            return verdict
        task.update(step)
        self.step = step
        self.meter.add(values)
        return verdict

    def _report(self, stage: Stretch, display: Display, clock: Clock) -> bool:
        run, last = self.settings, stage.last_step
        if self.step % run.log_every == 0 or self.step == last:
            values = self._averaged_over_processes(self.meter.take())
            values |= clock.report(self.accelerator.num_processes)
            clock.restart()
            values["learning_rate"] = self.task.learning_rate(self.step)
            self._track(values, "train")
            display.report(self.step, values)
        improved = False
        if self.step % run.validate_every == 0 or self.step == last:
            improved = self._validate(display)
            clock.restart()
        if (self.step % run.save_every == 0 or improved) and self.step != last:
            self._save(self._collect(), True, improved)
            clock.restart()
        return improved

    # ---------------------------------------------------------------- validation
    def _validate(self, display: Display) -> bool:
        """Log metrics and samples of the averaged weights; True when they are the best so far."""
        metrics, samples = self.task.validate()
        if not metrics:
            return False
        self._track(metrics, "valid")
        display.say("valid | " + " ".join(f"{k} {v:.4g}" for k, v in metrics.items()))
        self._log_samples(samples[: self.settings.samples])
        value = metrics.get(self.settings.best)
        if value is None or not math.isfinite(value):
            return False
        value = -value if self.settings.best in self.task.least else value
        if self.best is not None and value <= self.best:
            return False
        self.best = value
        return True

    def _log_samples(self, samples: list[Sample]) -> None:
        for number, sample in enumerate(samples):
            for tracker in self.trackers:
                for kind, sound in sample.sounds.items():
                    tracker.audio(self.step, f"{kind}/{number}", sound, sample.rate)
                if sample.mels:
                    picture = mel_picture(list(sample.mels.values()))
                    tracker.image(self.step, f"mel/{number}", picture)

    # ---------------------------------------------------------------- checkpoints
    def _collect(self) -> dict[str, dict[str, Any]]:
        return {name: learner.collect() for name, learner in self.task.learners.items()}

    def _save(self, collected: dict[str, dict[str, Any]], opened: bool, best: bool = False) -> None:
        """Of an open stage, or between two."""
        if self.main:
            state = {
                "step": self.step,
                "position": self.position,
                "best": self.best,
                "guard": self.guard.state(),
                "meter": self.meter.state(),
                "open": opened,
                "updates": {name: own.get("updates", 0) for name, own in collected.items()},
                "identity": self.task.identity,
                "config": self.task.config,
            }

            def write(folder: Path) -> None:
                for name, own in collected.items():
                    write_learner(folder, name, own)
                for name, module in self.task.modules.items():
                    write_tree(folder / f"{name}.safetensors", plain(module.state_dict()))
                self.task.export(collected, folder)
                (folder / STATE).write_text(json.dumps(state, indent=1), "utf-8")

            path = self.checkpoints.save(self.step, write, best)
            if best:
                self.task.improved(path, self.output)
        self.accelerator.wait_for_everyone()

    def _restore(self, resume: bool) -> Path | None:
        """Take over the last whole checkpoint; its folder if it is in mid-stage."""
        if not resume and self.checkpoints.last() is not None:
            raise SecoustiError(
                f"{self.output} already holds a run; continue it, or choose another "
                "training.run.output"
            )
        good, damaged = self.checkpoints.last_good()
        self.accelerator.wait_for_everyone()  # all have looked before one moves anything
        for path, fault in damaged.items():
            self._leave_behind(path, fault, good)
        if good is None:
            return None
        state = read_state(good)
        if state["identity"] != json.loads(json.dumps(self.task.identity)):
            raise SecoustiError(
                f"{good} is of another codec configuration; change training.run.output"
            )
        self.step, self.position, self.best = state["step"], state["position"], state["best"]
        self.guard.load(state["guard"])
        self.meter.load(state["meter"])
        self._say(f"continuing from {good}")
        if state["open"]:
            return good
        self.task.restore_closed(good)
        return None

    def _leave_behind(self, path: Path, fault: str, good: Path | None) -> None:
        """A damaged checkpoint is set aside, and said to be."""
        if self.main:
            self.checkpoints.set_aside(path)
            self.events.write("damaged checkpoint", path=str(path), fault=fault, used=str(good))
        self._say(f"warning: the checkpoint {path} is damaged ({fault}); going on from {good}")

    def _load(self, folder: Path) -> None:
        """Weights, averages and optimizers of a checkpoint in mid-stage."""
        updates = read_state(folder)["updates"]
        for name, learner in self.task.learners.items():
            learner.load(folder, name, updates[name])
        for name, module in self.task.modules.items():
            module.load_state_dict(read_tree(folder / f"{name}.safetensors"))

    def _go_back(self) -> None:
        """The last checkpoint's weights and optimizers; the data goes on behind the bad place."""
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
        self._load(last)
        self.step = state["step"]
        self.meter.load(state["meter"])
        for tracker in self.trackers:
            tracker.rewind(self.step)

    # ---------------------------------------------------------------- small things
    def _loader(self) -> Iterator[Any]:
        loader = DataLoader(
            self.task.dataset,
            batch_size=None,
            sampler=PositionSampler(self.position),
            num_workers=self.task.workers,
            pin_memory=self.accelerator.device.type == "cuda",
            persistent_workers=False,
        )
        return iter(loader)

    @contextmanager
    def _trackers(self) -> Iterator[None]:
        """Open on the main process, and closed however the run ends."""
        if self.main:
            names, config = self.settings.trackers, self.task.config
            self.trackers = open_trackers(names, self.output, self.step, config)
        try:
            yield
        finally:
            for tracker in self.trackers:
                tracker.close()

    def _track(self, values: dict[str, float], group: str) -> None:
        for tracker in self.trackers:
            tracker.scalars(self.step, {f"{group}/{name}": v for name, v in values.items()})

    def _name_faults(self) -> None:
        """Recordings that were left out: how many on the terminal, which in ``events.jsonl``."""
        for corpus in {id(corpus): corpus for corpus in self.task.corpora}.values():
            summary = corpus.fault_summary()
            if summary is None or not self.main:
                continue
            self._say(f"warning: {summary}; all are in {self.events.path}")
            if self.step == 0:
                for name, reason in corpus.faults:
                    self.events.write("recording left out", recording=name, reason=reason)

    def _say(self, text: str) -> None:
        if self.main:
            print(text, flush=True)

    def _any_stops(self) -> bool:
        """Whether a process was told to stop: then all do, after the same step."""
        if self.accelerator.num_processes == 1:
            return self.told_to_stop
        told = torch.tensor([float(self.told_to_stop)], device=self.accelerator.device)
        return bool(self.accelerator.reduce(told, "sum") > 0)

    def _averaged_over_processes(self, values: dict[str, float]) -> dict[str, float]:
        if self.accelerator.num_processes == 1:
            return values
        tensor = torch.tensor(list(values.values()), device=self.accelerator.device)
        mean = self.accelerator.reduce(tensor, "mean").tolist()
        return dict(zip(values, mean, strict=True))


def random_seed(seed: int, step: int, rank: int) -> int:
    """A seed of its own for every step and process, so that no generator state is stored."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    return int(torch.randint(2**62, (rank + 1,), generator=generator)[rank])


def to_device(batch: Any, device: torch.device) -> Any:
    """A batch (a tensor, a tuple of batches, or what has ``to``) on ``device``."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple) and not hasattr(batch, "_fields"):
        return tuple(to_device(part, device) for part in batch)
    return batch.to(device)


@contextmanager
def _stop_signals(run: Run) -> Iterator[None]:
    """SIGTERM and SIGINT end the run after the step at hand, with a checkpoint."""

    def stop(number: int, frame: FrameType | None) -> None:
        run.told_to_stop = True

    kept = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
