"""A phase in this process, or in as many as there are GPUs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from secousti.errors import SecoustiError
from train.budget.ledger import Ledger, Stopped
from train.budget.phase import Phase, as_text, run_phase
from train.engine.signals import handled_by

_CONFIG = Path(__file__).parents[2] / "configs" / "accelerate" / "gpus.yaml"


@dataclass(frozen=True)
class Planned:
    """A phase, its share of the time, and what makes its file once those before it are done."""

    phase: Phase
    share: float
    document: Callable[[], dict[str, Any]]


def launch(phase: Phase, until: float, processes: int = 1) -> None:
    """Run a phase to its end.

    Several processes are those of ``accelerate launch``; without GPUs they meet over gloo.

    Raises:
        Stopped: a signal ended it. SecoustiError: it failed.
    """
    if processes == 1:
        run_phase(phase, until)
        return
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(_CONFIG)]
    command += ["--num_processes", str(processes), "-m", "train.budget.phase"]
    with subprocess.Popen([*command, as_text(phase), str(until)]) as child, _passing_on(child):
        code = child.wait()
    if code:
        raise SecoustiError(f"{phase.name} ended with status {code}; its output is above")


def run_in_turn(
    phases: Sequence[Planned], ledger: Ledger, reserve: float, processes: int = 1
) -> None:
    """Run the phases that are not done, each for its share of the time that is left then.

    Args:
        reserve: seconds that are kept for what comes after them.
    """
    for number, planned in enumerate(phases):
        name = planned.phase.name
        if name in ledger.done:
            continue
        with ledger.part(name):
            planned.phase.write(planned.document())
            coming = sum(other.share for other in phases[number:])
            left = max(ledger.left() - reserve, 0.0)
            launch(planned.phase, time.time() + left * planned.share / coming, processes)


@contextmanager
def _passing_on(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """SIGTERM and SIGINT reach the processes of a phase, which save and end."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        told.append(number)
        child.send_signal(signal.SIGTERM)

    told: list[int] = []
    with handled_by(pass_on):
        yield
    if told:
        raise Stopped("stopped; the same command goes on")
