"""The training loop: stages, steps, validation, checkpoints, and continuing where it stopped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from train.data.crops import PositionSampler
from train.engine.clock import Clock
from train.engine.display import Display
from train.engine.guard import Guard, Verdict
from train.engine.keeper import Keeper, Progress
from train.engine.lookout import Lookout
from train.engine.pace import CHECKPOINT, VALIDATION, Pace
from train.engine.pictures import mel_picture
from train.engine.processes import describe, is_sharded
from train.engine.signals import handled_by
from train.engine.sound import Sample
from train.engine.task import Stretch, Task
from train.engine.track import EventLog, Tracker, open_trackers


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
        self.events = EventLog(self.output / "events.jsonl")
        self.at = Progress(Guard(self.settings.patience))
        self.keeper = Keeper(task, self.at, self.events)
        self.trackers: list[Tracker] = []
        self.pace = Pace()
        self.lookout = Lookout()
        self.look_every = self._how_often()
        # A signal only tells; the run stops where all processes have agreed to (``_any_stops``).
        self.told_to_stop = self.stopping = False
        self.opened = self.keeper.restore(resume)
        self._name_faults()

    # ---------------------------------------------------------------- running
    def run(self) -> None:
        """Train to the last step of the plan, then publish the model."""
        total = self.task.total_steps
        if self.at.step >= total:
            self.keeper.say(
                f"{self.output} is finished: {self.at.step} of {total} steps; raise their number "
                "to go on, or choose another output to start anew"
            )
        else:
            self.train()
        if self.finished and self.main:
            self.keeper.say(self.task.publish(self.output))
        self.accelerator.wait_for_everyone()

    @property
    def finished(self) -> bool:
        """Whether every step of the plan is done; not when a signal ended the run."""
        return self.at.step >= self.task.total_steps

    def train(self) -> None:
        """Train to the last step of the plan, or to a signal, and publish nothing."""
        with self._trackers(), _stop_signals(self):
            while not self.finished and not self.stopping:
                self._run_stage(self.task.stage(self.at.step + 1))

    def _run_stage(self, stage: Stretch) -> None:
        self.task.open(stage)
        if self.opened is not None:  # a checkpoint from the middle of this stage
            self.keeper.load(self.opened)
            self.opened = None
        with Display(stage, self.at.step, self.main) as self.display:
            display = self.display
            count = sum(p.numel() for x in self.task.learners.values() for p in x.parameters)
            where = describe(self.accelerator)
            display.say(f"stage '{stage.name}': {count / 1e6:.2f} M parameters train; {where}")
            improved = self._steps(stage, display)
        if self.at.step == stage.last_step:
            last = self.at.step == self.task.total_steps
            with self.pace.timing(CHECKPOINT):
                self.keeper.save(None if last else self.task.close(), improved)

    def _steps(self, stage: Stretch, display: Display) -> bool:
        """Train to the end of the stage; whether its last validation was the best so far."""
        data, clock, improved = self._loader(), Clock(), False
        while self.at.step < stage.last_step and not self.stopping:
            with self.pace.timing(stage.name):
                verdict = self._one_step(data, clock)
            self.stopping = self._any_stops()
            if verdict == "back":
                self.keeper.go_back()
                for tracker in self.trackers:
                    tracker.rewind(self.at.step)
                data = self._loader()
            if verdict == "back" or (verdict == "skip" and self.look_every == 1):
                continue
            display.advance()
            improved = self._report(stage, display, clock)
        if self.stopping and self.at.step < stage.last_step:
            self._look()
            self.keeper.save()
        return improved

    def _one_step(self, data: Iterator[Any], clock: Clock) -> Verdict:
        """Forward, backward and update of one step; the guard's verdict."""
        step, task = self.at.step + 1, self.task
        torch.manual_seed(
            random_seed(self.settings.seed, self.at.position, self.accelerator.process_index)
        )
        with clock.waiting():
            batches = [next(data) for _ in range(task.accumulate)]
        self.at.position += task.accumulate
        clock.processed += sum(task.seconds(batch) for batch in batches)
        losses = task.learn([to_device(b, self.accelerator.device) for b in batches], step)
        names = [name for batch in batches for name in task.names(batch)]
        self.lookout.add(step, names, losses)
        if self.look_every == 1:
            verdict = self._look()
            if verdict == "good":
                task.update(step)
                self.at.step = step
            return verdict
        for learner in task.learners.values():
            learner.unless = ~losses["gradient_norm"].isfinite()
        task.update(step)
        self.at.step = step
        return self._look() if self._looks_at(step) else "good"

    def _how_often(self) -> int:
        """Steps between two looks at the losses; 1 where looking costs nothing."""
        if not self.task.late_looks or is_sharded(self.accelerator):
            return 1
        on_cpu = self.accelerator.device.type == "cpu"
        return self.settings.look_every or (1 if on_cpu else self.settings.log_every)

    def _looks_at(self, step: int) -> bool:
        """Whether the losses up to ``step`` are needed now."""
        run = self.settings
        often = (self.look_every, run.log_every, run.validate_every, run.save_every)
        last = self.task.stage(step).last_step
        return step == last or any(step % every == 0 for every in often)

    def _look(self) -> Verdict:
        """Judge the steps since the last look; the verdict on the last of them, or "back"."""
        verdict: Verdict = "good"
        for outcome in self.lookout.look():
            # A NaN in the loss of one process is one in the gradient of all: they judge alike.
            finite = math.isfinite(outcome.losses["gradient_norm"])
            verdict = self.at.guard.judge(finite, outcome.names)
            if verdict == "good":
                self.at.meter.add(outcome.losses)
                continue
            for learner in self.task.learners.values():
                learner.drop_gradients()
            self.events.write("not finite", step=outcome.step, verdict=verdict, batch=outcome.names)
            self.display.say(f"step {outcome.step}: not finite, {verdict}; see events.jsonl")
            if verdict == "back":
                break
        self.lookout.waiting.clear()
        return verdict

    def _report(self, stage: Stretch, display: Display, clock: Clock) -> bool:
        run, last = self.settings, stage.last_step
        if self.at.step % run.log_every == 0 or self.at.step == last:
            values = self._averaged_over_processes(self.at.meter.take())
            values |= clock.report(self.accelerator.num_processes)
            clock.restart()
            values["learning_rate"] = self.task.learning_rate(self.at.step)
            self._track(values, "train")
            display.report(self.at.step, values)
        improved = False
        if self.at.step % run.validate_every == 0 or self.at.step == last:
            with self.pace.timing(VALIDATION):
                improved = self._validate(display)
            clock.restart()
        if (self.at.step % run.save_every == 0 or improved) and self.at.step != last:
            with self.pace.timing(CHECKPOINT):
                self.keeper.save(best=improved)
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
        if self.at.best is not None and value <= self.at.best:
            return False
        self.at.best = value
        return True

    def _log_samples(self, samples: list[Sample]) -> None:
        for number, sample in enumerate(samples):
            for tracker in self.trackers:
                for kind, sound in sample.sounds.items():
                    tracker.audio(self.at.step, f"{kind}/{number}", sound, sample.rate)
                if sample.mels:
                    picture = mel_picture(list(sample.mels.values()))
                    tracker.image(self.at.step, f"mel/{number}", picture)

    # ---------------------------------------------------------------- small things
    def _loader(self) -> Iterator[Any]:
        loader = DataLoader(
            self.task.dataset,
            batch_size=None,
            sampler=PositionSampler(self.at.position),
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
            self.trackers = open_trackers(names, self.output, self.at.step, config)
        try:
            yield
        finally:
            for tracker in self.trackers:
                tracker.close()

    def _track(self, values: dict[str, float], group: str) -> None:
        for tracker in self.trackers:
            tracker.scalars(self.at.step, {f"{group}/{name}": v for name, v in values.items()})

    def _name_faults(self) -> None:
        """Recordings that were left out: how many on the terminal, which in ``events.jsonl``."""
        for corpus in {id(corpus): corpus for corpus in self.task.corpora}.values():
            summary = corpus.fault_summary()
            if summary is None or not self.main:
                continue
            self.keeper.say(f"warning: {summary}; all are in {self.events.path}")
            if self.at.step == 0:
                for name, reason in corpus.faults:
                    self.events.write("recording left out", recording=name, reason=reason)

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

    with handled_by(stop):
        yield
