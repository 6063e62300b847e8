"""Cost of a training step, stage by stage: time, calls of operators, use of the device.

    python -m benchmarks.training_step configs/mini_21hz.yaml [--steps 20] [--threads 2] \
        [--peak 989] [KEY=VALUE ...]

Nothing is written but the packed audio: each stage runs a few warm-up steps and then ``--steps``
timed ones on fresh weights. Calls are operators that Python or autograd dispatches (those that an
operator makes itself are not counted): what bounds a step on a GPU that is faster than its
launches. MFU is the multiply-adds of all matrix products over ``--peak`` TFLOP/s.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from train.codec.config import Config, load
from train.codec.schedule import Schedule, Stage
from train.codec.task import CodecTask
from train.data.crops import PositionSampler

_WARM_UP = 3


@dataclass
class Result:
    """Of one stage: medians of seconds a step, audio per second and share of waiting for data.

    ``calls``: of operators in gradient and update; ``flops``: of one step's matrix products.
    """

    stage: str
    step: float
    audio: float
    waiting: float
    calls: tuple[int, int]
    flops: float
    peak_gib: float


def measure(config: Config, stage: Stage, steps: int) -> Result:
    """Train ``steps`` steps of ``stage``."""
    task = CodecTask(config)
    task.open(stage)
    batches = _batches(task)
    rows = [_timed(task, batches, stage.last_step) for _ in range(_WARM_UP + steps)]
    step, audio, waiting = (
        statistics.median(column) for column in zip(*rows[_WARM_UP:], strict=True)
    )
    batch, last = next(batches).to(task.accelerator.device), stage.last_step
    with FlopCounterMode(display=False) as counter:
        task.learn([batch], last)
    task.learner.drop_gradients()
    calls = (_calls(lambda: task.learn([batch], last)), _calls(lambda: task.update(last)))
    gpu = task.accelerator.device.type == "cuda"
    peak = torch.cuda.max_memory_allocated() / 2**30 if gpu else float("nan")
    return Result(stage.name, step, audio, waiting, calls, counter.get_total_flops(), peak)


def _batches(task: CodecTask) -> Iterator[Any]:
    sampler = PositionSampler(0)
    loader = DataLoader(task.dataset, batch_size=None, sampler=sampler, num_workers=task.workers)
    return iter(loader)


def _timed(task: CodecTask, batches: Iterator[Any], step: int) -> tuple[float, float, float]:
    """Seconds of one step, seconds of audio a second, share of waiting."""
    start = time.perf_counter()
    batch = next(batches)
    waited = time.perf_counter() - start
    task.learn([batch.to(task.accelerator.device)], step)
    task.update(step)
    if task.accelerator.device.type == "cuda":
        torch.cuda.synchronize()
    total = time.perf_counter() - start
    return total, batch.seconds(task.sample_rate) / total, waited / total


def _calls(work: Callable[[], object]) -> int:
    """Operators called by ``work``, without those that they call."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        work()
    events = [event for event in profiler.events() if event.name.startswith("aten::")]
    return sum(
        event.cpu_parent is None or not event.cpu_parent.name.startswith("aten::")
        for event in events
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config")
    parser.add_argument("changes", nargs="*", help="training.data.batch_size=8 and the like")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak", type=float, help="of the device, TFLOP/s, for MFU")
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(arguments.threads)
    config = load(arguments.config, tuple(arguments.changes))
    print(f"{arguments.config}, {arguments.threads} threads, medians of {arguments.steps} steps")
    print(
        "| stage | s a step | s of audio per s | waiting for data | calls: gradient, update "
        "| TFLOP | MFU | peak GiB (GPU) |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for stage in Schedule(config.training.schedule).stages:
        r = measure(config, stage, arguments.steps)
        use = f"{r.flops / r.step / arguments.peak / 1e12:.1%}" if arguments.peak else ""
        cells = [r.stage, f"{r.step:.3f}", f"{r.audio:.1f}", f"{r.waiting:.1%}"]
        cells += [f"{r.calls[0]:,}, {r.calls[1]:,}", f"{r.flops / 1e12:.3f}", use]
        print("| " + " | ".join([*cells, f"{r.peak_gib:.1f}"]) + " |", flush=True)


if __name__ == "__main__":
    main()
