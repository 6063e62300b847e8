"""A run that stops where the rest of its plan no longer fits into its time."""

from __future__ import annotations

import time
from collections.abc import Mapping

from train.budget.sizes import LEAST, refitted_steps
from train.engine.run import Run
from train.engine.task import Task

_LOOKS = 20  # of a whole plan, and
_SECONDS = 10.0  # between two looks at least: to stop and go on takes seconds, too
_BEHIND = 1.2  # times the time left, from which on it stops


class ClockedRun(Run):
    """Trains what ``task`` describes, and tells when its plan has to be cut.

    Args:
        steps: planned of each stage, in order. planned: seconds of a step.
        until: when it should end, as ``time.time()`` counts.

    Attributes:
        behind: whether it stopped because the steps still to come would take too long.
    """

    def __init__(
        self, task: Task, steps: Mapping[str, int], planned: Mapping[str, float], until: float
    ) -> None:
        super().__init__(task)
        self.steps, self.planned, self.until = dict(steps), dict(planned), until
        self.behind = False
        self.looked = time.time()

    def seconds(self) -> dict[str, float]:
        """Of a step of each stage (and of what else was planned for), as measured last."""
        return {what: self.pace.mean(what) or planned for what, planned in self.planned.items()}

    def _any_stops(self) -> bool:
        # The first process's clock counts for all, which stop together.
        if self.main and not self.told_to_stop and self._is_behind():
            self.behind = self.told_to_stop = True
        return super()._any_stops()

    def _is_behind(self) -> bool:
        now, every = time.time(), max(self.task.total_steps // _LOOKS, 1)
        if self.at.step % every or now - self.looked < _SECONDS:
            return False
        self.looked = now
        fitting = refitted_steps(
            self.steps, self.seconds(), self.at.step, self.until - now, LEAST, _BEHIND
        )
        return fitting != self.steps
