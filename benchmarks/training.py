"""Training throughput of a configuration, stage by stage, and the share of time data costs.

    python -m benchmarks.training configs/mini_21hz.yaml [--steps 20] [--threads 2] [KEY=VALUE ...]

Nothing is written but the packed audio: each stage runs a few warm-up steps and then ``--steps``
timed ones on fresh weights.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader

from train.codec.config import Config, load
from train.codec.schedule import Schedule, Stage
from train.codec.task import CodecTask
from train.data.crops import PositionSampler

_WARM_UP = 3


@dataclass
class Result:
    """Medians of one stage: seconds a step, audio per second, share of waiting for data."""

    stage: str
    step: float
    audio: float
    waiting: float
    peak_gib: float


def measure(config: Config, stage: Stage, steps: int) -> Result:
    """Train ``steps`` steps of ``stage``."""
    task = CodecTask(config)
    task.open(stage)
    data = task.dataset
    workers = config.training.data.workers
    loader = iter(
        DataLoader(data, batch_size=None, sampler=PositionSampler(0), num_workers=workers)
    )
    rows = []
    for _ in range(_WARM_UP + steps):
        start = time.perf_counter()
        batch = next(loader)
        waited = time.perf_counter() - start
        task.learn([batch.to(task.accelerator.device)], stage.last_step)
        task.update(stage.last_step)
        if task.accelerator.device.type == "cuda":
            torch.cuda.synchronize()
        total = time.perf_counter() - start
        rows.append((total, batch.seconds(data.corpus.sample_rate) / total, waited / total))
    timed = zip(*rows[_WARM_UP:], strict=True)
    step, audio, waiting = (statistics.median(column) for column in timed)
    gpu = task.accelerator.device.type == "cuda"
    peak = torch.cuda.max_memory_allocated() / 2**30 if gpu else float("nan")
    return Result(stage.name, step, audio, waiting, peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("changes", nargs="*", help="training.data.batch_size=8 and the like")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(arguments.threads)
    config = load(arguments.config, tuple(arguments.changes))
    print(f"{arguments.config}, {arguments.threads} threads, medians of {arguments.steps} steps")
    print("| stage | s a step | s of audio per s | waiting for data | peak GiB (GPU) |")
    print("|---|---|---|---|---|")
    for stage in Schedule(config.training.schedule).stages:
        r = measure(config, stage, arguments.steps)
        cells = [r.stage, f"{r.step:.3f}", f"{r.audio:.1f}", f"{r.waiting:.1%}"]
        cells.append(f"{r.peak_gib:.1f}")
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
