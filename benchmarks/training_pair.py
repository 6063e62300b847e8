"""A training step of this checkout beside that of another one: processor time and calls.

    git worktree add ../before COMMIT
    python -m benchmarks.training_pair configs/mini_21hz_joint.yaml --before ../before \
        [--turns 3] [--steps 8] [KEY=VALUE ...]

Each turn trains the same file with ``python -m train``, first there, then here, one thread each.
Steps are told apart by PyTorch's hook behind every optimizer's step, so the other checkout may be
of any age. Seconds are processor time, which other programs disturb less than wall time. Calls
are operators that Python or autograd dispatches (not those that an operator makes itself);
waits are ``aten::_local_scalar_dense``, for which a GPU would have to finish its work first.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import markdown

ROOT = Path(__file__).parents[1]
_WORKER = ROOT / "benchmarks" / "training_pair_worker.py"
_WARM_UP = 3


@dataclass(frozen=True)
class Turn:
    """Of one training: seconds of each step, calls and waits of the profiled one."""

    seconds: list[float]
    calls: int
    waits: int


def train(checkout: Path, config: str, changes: Sequence[str], steps: int) -> Turn:
    """Train ``steps`` steps after some to warm up, then one under the profiler."""
    with tempfile.TemporaryDirectory() as folder:
        found, total = Path(folder) / "found.json", _WARM_UP + steps + 2
        own = [
            f"training.run.output={folder}/run",
            f"training.schedule.total_steps={total}",
            "training.run.trackers=[]",
            "training.run.log_every=1000",
        ]
        command = [sys.executable, "-c", _WORKER.read_text("utf-8"), str(found), str(total)]
        environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
        result = subprocess.run(
            [*command, config, *changes, *own],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
        )
        if result.returncode:
            sys.exit(f"{checkout}: {result.stderr[-2000:]}")
        document = json.loads(found.read_text("utf-8"))
    return Turn(document["seconds"][_WARM_UP:][:steps], document["calls"], document["waits"])


def main() -> None:
    """Parse, take turns, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="a file of configs/, which both checkouts have")
    parser.add_argument("changes", nargs="*", help="training.data.batch_size=8 and the like")
    parser.add_argument("--before", type=Path, required=True, help="the other checkout")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    arguments = parser.parse_intermixed_args()
    checkouts = {"before": arguments.before.resolve(), "now": ROOT}
    found: dict[str, list[Turn]] = {name: [] for name in checkouts}
    for _ in range(arguments.turns):
        for name, checkout in checkouts.items():
            turn = train(checkout, arguments.config, arguments.changes, arguments.steps)
            found[name].append(turn)
            print(name, turn.seconds, os.getloadavg(), file=sys.stderr, flush=True)
    medians = {
        n: statistics.median(s for t in turns for s in t.seconds) for n, turns in found.items()
    }
    rows = [
        [name, f"{medians[name]:.3f}", f"{turns[0].calls:,}", f"{turns[0].waits}"]
        for name, turns in found.items()
    ]
    ratios = [
        statistics.median(before.seconds) / statistics.median(now.seconds)
        for before, now in zip(found["before"], found["now"], strict=True)
    ]
    print(markdown(["", "s of processor time a step", "calls a step", "waits a step"], rows))
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    print(f"\nfaster by {middle:.2f} (turns: {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
