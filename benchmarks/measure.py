"""Fair timing: candidates take turns, medians of several turns, each alone in its own process.

A candidate is a function that prepares its inputs and returns the call to time. Processor time
is reported as well as wall time: on a machine that is doing other things it is the better one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Sample:
    """One turn: median seconds of a call, and what the calls added to the process."""

    wall: float
    cpu: float
    p95: float
    base_mb: float
    peak_mb: float


def timed(prepare: Callable[[], Callable[[], object]], calls: int) -> Sample:
    """Prepare, warm up once, and time ``calls`` calls."""
    call = prepare()
    base = peak_mb()
    call()
    walls, cpus = [], []
    for _ in range(calls):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    cpus.sort()
    p95 = cpus[min(len(cpus) - 1, round(0.95 * len(cpus)))]
    return Sample(statistics.median(walls), statistics.median(cpus), p95, base, peak_mb())


def take_turns(module: str, names: list[str], turns: int, calls: int) -> dict[str, Sample]:
    """Run ``python -m module --only NAME`` in turn for every name; medians over the turns."""
    collected: dict[str, list[Sample]] = {name: [] for name in names}
    for turn in range(turns):
        for name in names:
            print(f"turn {turn + 1}/{turns}: {name}", file=sys.stderr, flush=True)
            command = [sys.executable, "-m", module, "--only", name, "--calls", str(calls)]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            collected[name].append(Sample(**json.loads(out.splitlines()[-1])))
    return {name: _median(samples) for name, samples in collected.items()}


def timing_parser(about: str | None) -> argparse.ArgumentParser:
    """The options of a benchmark that takes turns; ``--only`` is how it calls itself."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--markdown", type=Path, help="also write the tables there")
    return parser


def print_sample(sample: Sample) -> None:
    """The line that ``take_turns`` reads back."""
    print(json.dumps(asdict(sample)))


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def publish(text: str, path: Path | None) -> None:
    """Print a report and, with a path, keep it there."""
    print(text)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")


def _median(samples: list[Sample]) -> Sample:
    fields = {key: [getattr(s, key) for s in samples] for key in asdict(samples[0])}
    return Sample(**{key: statistics.median(values) for key, values in fields.items()})


def peak_mb() -> float:
    """Peak memory of this program. (``ru_maxrss`` also counts what its parent used.)"""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
