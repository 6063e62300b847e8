"""One training loop for both stages: exact resume, validation, the best model exported.

A batch is a pure function of (seed, step, process), the learning rate of the step, and the
checkpoint holds every model, optimizer and random state; so a run that was killed continues as
if it had not been.
"""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, ProjectConfiguration
from rich.console import Console
from torch import nn
from torch.utils.data import DataLoader, Dataset

from secousti.errors import SecoustiError
from train.data import PositionSampler
from train.muon import Muon
from train.p2psyn.config import OptimConfig, RunConfig


class Stage(Protocol):
    """What the loop needs of a stage of training."""

    objective: str  # the validation figure of which less is better

    def step(self, batch: Any, step: int) -> dict[str, torch.Tensor]:
        """One update; figures to log."""
        ...

    def validate(self) -> dict[str, float]:
        """Figures on held-out data."""
        ...

    def export(self, folder: Path) -> None:
        """Save the model as it is now."""
        ...


class Progress:
    """Where a run stands; part of the checkpoint."""

    def __init__(self) -> None:
        self.step = 0
        self.best = math.inf

    def state_dict(self) -> dict[str, float]:
        return {"step": self.step, "best": self.best}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.step, self.best = int(state["step"]), float(state["best"])


def make_accelerator(run: RunConfig, output: Path) -> Accelerator:
    """The process group and devices of a run; trackers write below ``output``."""
    accelerator = Accelerator(
        cpu=run.device == "cpu",
        mixed_precision=run.mixed_precision,
        log_with=list(run.trackers) or None,
        # Buffers are constants or running statistics: sending them between two forward passes of
        # one step would overwrite what the backward pass needs.
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        project_config=ProjectConfiguration(project_dir=str(output), logging_dir=str(output)),
    )
    if run.trackers:
        accelerator.init_trackers("p2psyn")
    return accelerator


def learning_rate(config: OptimConfig, step: int) -> float:
    """The rate at ``step``: linear warm-up, then exponential by epoch or a cosine."""
    warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.schedule == "exponential":
        return config.lr * warm * config.decay ** (step // config.epoch_steps)
    done = max(0, step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    share = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return config.lr * warm * (config.final_lr + (1 - config.final_lr) * share)


def build_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """AdamW over everything, or Muon."""
    betas = (config.betas[0], config.betas[1])
    kind = Muon if config.name == "muon" else torch.optim.AdamW
    return kind(model.parameters(), lr=config.lr, betas=betas, weight_decay=config.weight_decay)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the same rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def fit(
    stage: Stage,
    dataset: Dataset[Any],
    steps: int,
    run: RunConfig,
    accelerator: Accelerator,
    output: Path,
    workers: int,
) -> Path:
    """Train to ``steps``, from the last checkpoint below ``output`` if there is one.

    Returns the folder of the best exported model.
    """
    progress = Progress()
    accelerator.register_for_checkpointing(progress)
    _resume(accelerator, output)
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=PositionSampler(progress.step),
        num_workers=workers,
        generator=torch.Generator(),  # its own: the global one was just restored
    )
    batches = iter(loader)
    log = _Log(output, accelerator, steps)
    while progress.step < steps:
        step = progress.step
        figures = stage.step(_to(next(batches), accelerator.device), step)
        progress.step += 1
        if progress.step % run.log_every == 0 or progress.step == steps:
            log("train", progress.step, {name: float(value) for name, value in figures.items()})
        if progress.step % run.validate_every == 0 or progress.step == steps:
            _validate(stage, progress, accelerator, output, log)
        if progress.step % run.save_every == 0 or progress.step == steps:
            _save(accelerator, output, progress.step, run.keep_last)
    accelerator.end_training()
    return output / "best"


def _validate(
    stage: Stage,
    progress: Progress,
    accelerator: Accelerator,
    output: Path,
    log: Callable[[str, int, dict[str, float]], None],
) -> None:
    with torch.random.fork_rng():  # so that validating more or less often changes no training
        figures = stage.validate()
    log("valid", progress.step, figures)
    if not figures[stage.objective] < progress.best:
        return
    progress.best = figures[stage.objective]
    if accelerator.is_main_process:
        stage.export(output / "best")


def _resume(accelerator: Accelerator, output: Path) -> None:
    found = _checkpoints(output)
    if found:
        accelerator.load_state(str(found[-1]))
        accelerator.print(f"resuming from {found[-1]}")


def _save(accelerator: Accelerator, output: Path, step: int, keep: int) -> None:
    """Write under a temporary name and rename: a checkpoint is whole or not there."""
    final = output / "checkpoints" / f"{step:08d}"
    partial = final.with_name(f".{final.name}.part")
    accelerator.save_state(str(partial))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
        for old in _checkpoints(output)[:-keep]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()


def _checkpoints(output: Path) -> list[Path]:
    return sorted(p for p in (output / "checkpoints").glob("[0-9]*") if p.is_dir())


def _to(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    return tuple(_to(part, device) for part in batch)


class _Log:
    """Figures to ``metrics.csv`` (step, set, name, value), the trackers and the terminal."""

    def __init__(self, output: Path, accelerator: Accelerator, steps: int) -> None:
        self.path, self.accelerator, self.steps = output / "metrics.csv", accelerator, steps
        self.console = Console()
        output.mkdir(parents=True, exist_ok=True)

    def __call__(self, subset: str, step: int, figures: dict[str, float]) -> None:
        bad = [name for name, value in figures.items() if not math.isfinite(value)]
        if bad:
            raise SecoustiError(f"{subset} figure {bad[0]!r} is not finite at step {step}")
        self.accelerator.log({f"{subset}/{k}": v for k, v in figures.items()}, step=step)
        if not self.accelerator.is_main_process:
            return
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([step, subset, k, f"{v:.6g}"] for k, v in figures.items())
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.console.print(f"{subset} {step}/{self.steps}  {text}", highlight=False)
