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
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch.utils.data import DataLoader

from secousti.codec import SecoustiCodec
from secousti.config import CodecConfig, from_dict, to_dict
from secousti.errors import SecoustiError
from train.checkpoint import CheckpointFolder, random_seed
from train.clock import Clock
from train.config import Config
from train.data import Batch, PositionSampler
from train.display import Display
from train.guard import Guard, Verdict
from train.objective import Objective
from train.optim import learning_rate
from train.pictures import mel_picture
from train.schedule import Schedule, Stage, StepPlan
from train.session import Session, load_weights, write_session
from train.setup import build_objective, training_data, validation_batches
from train.track import EventLog, Meter, Tracker, open_trackers
from train.validate import Sample, validate
from train.warm_start import borrow_vocoder

_LEAST_WINS = {"mel", "token_mel", "residual", "token_top"}


class Trainer:
    """Trains what a configuration describes.

    Arguments:
        config: codec and training part. resume: continue from the last checkpoint of the output
            folder, if there is one; otherwise an existing one is an error.

    Raises:
        SecoustiError: data that is missing, or an output folder that holds another model's run.
    """

    def __init__(self, config: Config, resume: bool = True) -> None:
        self.config, self.training = config, config.training
        run = self.training.run
        self.accelerator = Accelerator(
            cpu=run.device == "cpu",
            mixed_precision=run.mixed_precision,
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        self.main = self.accelerator.is_main_process
        self.output = Path(run.output)
        self.checkpoints = CheckpointFolder(self.output / "checkpoints", run.keep_last)
        self.events = EventLog(self.output / "events.jsonl")
        self.schedule = Schedule(self.training.schedule)
        self.guard, self.meter = Guard(run.patience), Meter()
        self.step = self.position = 0
        self.best: float | None = None
        # A signal only tells; the run stops where all processes have agreed to (``_any_stops``).
        self.told_to_stop = self.stopping = False
        processes = self.accelerator.num_processes
        with self.accelerator.main_process_first():  # which packs the audio if nobody has
            self.dataset = training_data(config, self.accelerator.process_index, processes)
            self.valid = validation_batches(config)
        self.objective = build_objective(config, self.dataset)
        self.vocoder = borrow_vocoder(run.vocoder, config.codec.mel, self.accelerator.device)
        self.opened = self._restore(resume)

    # ---------------------------------------------------------------- running
    def run(self) -> None:
        """Train to the last step of the plan."""
        self.trackers = self._open_trackers()
        with _stop_signals(self):
            while self.step < self.training.schedule.total_steps and not self.stopping:
                self._run_stage(self.schedule.stage(self.step + 1))
        for tracker in self.trackers:
            tracker.close()
        self.accelerator.end_training()

    def _run_stage(self, stage: Stage) -> None:
        session = Session(self.objective, stage, self.training, self.accelerator)
        if self.opened is not None:  # a checkpoint from the middle of this stage
            session.load(*self.opened)
            self.opened = None
        session.train_mode()
        with Display(stage, self.step, self.main) as display:
            count = sum(p.numel() for p in session.parameters)
            display.say(f"stage '{stage.name}': {count / 1e6:.2f} M parameters train")
            improved = self._steps(session, display)
        if self.step == stage.last_step:
            self.objective = session.finish()
            self._save(None, self.objective, improved)

    def _steps(self, session: Session, display: Display) -> bool:
        """Train to the end of the stage; whether its last validation was the best so far."""
        data, clock, improved = self._loader(), Clock(), False
        while self.step < session.stage.last_step and not self.stopping:
            plan = self.schedule.at(self.step + 1)
            verdict = self._one_step(session, plan, data, clock)
            if verdict != "good":
                display.say(f"step {plan.step}: not finite, {verdict}; see events.jsonl")
            self.stopping = self._any_stops()
            if verdict == "back":
                self._go_back(session)
                data = self._loader()
            if verdict != "good":
                continue
            display.advance()
            improved = self._report(session, display, clock)
        if self.stopping and self.step < session.stage.last_step:
            self._save(session, None)
        return improved

    def _one_step(
        self, session: Session, plan: StepPlan, data: Iterator[Batch], clock: Clock
    ) -> Verdict:
        """Forward, backward and update of one step; the guard's verdict."""
        optim = self.training.optim
        seed = random_seed(self.training.run.seed, self.position, self.accelerator.process_index)
        torch.manual_seed(seed)
        names: list[str] = []
        losses: dict[str, torch.Tensor] = {}
        for micro in range(optim.accumulate):
            with clock.waiting():
                batch = next(data)
            self.position += 1
            names += batch.names
            clock.heard += batch.seconds(self.dataset.corpus.sample_rate)
            last = micro == optim.accumulate - 1
            share = 1 / optim.accumulate
            new = session.backward(batch.to(session.device), plan.weights, share, last)
            losses = {name: losses.get(name, 0) + share * value for name, value in new.items()}
        losses["gradient_norm"] = session.gradient_norm()
        values = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
        # A NaN in the loss of one process is one in the gradient of all: they judge alike.
        verdict = self.guard.judge(math.isfinite(values["gradient_norm"]), names)
        if verdict != "good":
            session.drop_gradients()
            self.events.write("not finite", step=plan.step, verdict=verdict, batch=names)
            return verdict
        session.update(learning_rate(optim, session.stage, plan.step))
        self.step = plan.step
        self.meter.add(values)
        return verdict

    def _report(self, session: Session, display: Display, clock: Clock) -> bool:
        run, last = self.training.run, session.stage.last_step
        if self.step % run.log_every == 0 or self.step == last:
            values = self._averaged_over_processes(self.meter.take())
            values |= clock.report(self.accelerator.num_processes)
            clock.restart()
            values["learning_rate"] = learning_rate(self.training.optim, session.stage, self.step)
            self._track(values, "train")
            display.report(self.step, values)
        improved = False
        if self.valid and (self.step % run.validate_every == 0 or self.step == last):
            improved = self._validate(session, display)
            clock.restart()
        if (self.step % run.save_every == 0 or improved) and self.step != last:
            self._save(session, None, improved)
            clock.restart()
        return improved

    # ---------------------------------------------------------------- validation
    def _validate(self, session: Session, display: Display) -> bool:
        """Log metrics and samples of the averaged weights; True when they are the best so far."""
        run = self.training.run
        with session.averaged():
            metrics, samples = validate(
                session.inspect,
                self.valid,
                self.objective.codec.codebook_size,
                semantic=session.stage.name != "acoustic",
                vocoder=self.vocoder,
                samples=run.samples,
            )
        self._track(metrics, "valid")
        display.say("valid | " + " ".join(f"{k} {v:.4g}" for k, v in metrics.items()))
        if self.main:
            self._log_samples(samples)
        value = metrics.get(run.best)
        if value is None:
            return False
        value = -value if run.best in _LEAST_WINS else value
        if self.best is not None and value <= self.best:
            return False
        self.best = value
        return True

    def _log_samples(self, samples: list[Sample]) -> None:
        rate = self.dataset.corpus.sample_rate
        for number, sample in enumerate(samples):
            for tracker in self.trackers:
                for kind, sound in sample.sounds.items():
                    tracker.audio(self.step, f"{kind}/{number}", sound, rate)
                tracker.image(self.step, f"mel/{number}", mel_picture(list(sample.mels.values())))

    # ---------------------------------------------------------------- checkpoints
    def _save(
        self, session: Session | None, objective: Objective | None, best: bool = False
    ) -> None:
        """Of an open stage (``session``) or between two (``objective``)."""
        if session is not None:
            collected = session.collect()
            updates = session.average.updates if session.average is not None else 0
        else:
            assert objective is not None
            collected = {"weights": objective.state_dict(), "average": None, "optimizer": None}
            updates = 0
        if not self.main:
            return
        state = {
            "step": self.step,
            "position": self.position,
            "best": self.best,
            "guard": self.guard.state(),
            "meter": self.meter.state(),
            "open": session is not None,
            "average_updates": updates,
            "config": to_dict(self.config),
        }

        def write(folder: Path) -> None:
            write_session(folder, collected)
            self._export(collected["average"] or collected["weights"], folder / "codec")
            (folder / "state.json").write_text(json.dumps(state, indent=1), "utf-8")

        self.checkpoints.save(self.step, write, best)

    def _export(self, weights: dict[str, torch.Tensor], folder: Path) -> None:
        """The model as users load it."""
        codec = SecoustiCodec(self.config.codec)
        own = {n[6:]: t for n, t in weights.items() if n.startswith("codec.")}
        codec.load_state_dict(own)
        codec.model_id = self.output.name
        codec.save_pretrained(folder)

    def _restore(self, resume: bool) -> tuple[Path, int] | None:
        """Take over the last checkpoint; of one in mid-stage, folder and number of averages."""
        last = self.checkpoints.last()
        if last is None:
            return None
        if not resume:
            raise SecoustiError(
                f"{self.output} already holds a run; continue it, or choose another "
                "training.run.output"
            )
        state: dict[str, Any] = json.loads((last / "state.json").read_text("utf-8"))
        saved = from_dict(CodecConfig, state["config"]["codec"], where=str(last / "state.json"))
        if saved != self.config.codec:
            raise SecoustiError(
                f"{last} is of another codec configuration; change training.run.output"
            )
        self.step, self.position, self.best = state["step"], state["position"], state["best"]
        self.guard.load(state["guard"])
        self.meter.load(state["meter"])
        load_weights(self.objective, last)
        return (last, state["average_updates"]) if state["open"] else None

    def _go_back(self, session: Session) -> None:
        """Weights and optimizer of the last checkpoint; the data goes on behind the bad place."""
        last = self.checkpoints.last()
        if last is None:
            raise SecoustiError(
                "the loss is not finite and there is no checkpoint to return to; see events.jsonl"
            )
        state = json.loads((last / "state.json").read_text("utf-8"))
        if not state["open"]:
            raise SecoustiError(
                f"the loss is not finite right after {last}; lower training.optim.lr"
            )
        session.load(last, state["average_updates"])
        self.step = state["step"]
        self.meter.load(state["meter"])

    # ---------------------------------------------------------------- small things
    def _loader(self) -> Iterator[Batch]:
        loader = DataLoader(
            self.dataset,
            batch_size=None,
            sampler=PositionSampler(self.position),
            num_workers=self.training.data.workers,
            pin_memory=self.accelerator.device.type == "cuda",
            persistent_workers=False,
        )
        return iter(loader)

    def _open_trackers(self) -> list[Tracker]:
        if not self.main:
            return []
        run = self.training.run
        return open_trackers(run.trackers, self.output, self.step, to_dict(self.config))

    def _track(self, values: dict[str, float], group: str) -> None:
        for tracker in self.trackers:
            tracker.scalars(self.step, {f"{group}/{name}": v for name, v in values.items()})

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


@contextmanager
def _stop_signals(trainer: Trainer) -> Iterator[None]:
    """SIGTERM and SIGINT end the run after the step at hand, with a checkpoint."""

    def stop(number: int, frame: FrameType | None) -> None:
        trainer.told_to_stop = True

    kept = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
