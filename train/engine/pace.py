"""How long steps, validations and checkpoints take: what a plan by the clock is made of."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager

VALIDATION, CHECKPOINT = "validation", "checkpoint"
_WARM_UP = 2  # steps of each stage that are slower than those that follow: memory, kernels
_KEPT = 256


class Pace:
    """Durations by what was done: the name of a stage, ``VALIDATION`` or ``CHECKPOINT``."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_KEPT))

    @contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """What happens inside took so long."""
        start = time.monotonic()
        yield
        self.add(what, time.monotonic() - start)

    def add(self, what: str, seconds: float) -> None:
        """One more duration; the first steps of a stage are forgotten once there are others."""
        self.counts[what] += 1
        own = self.seconds[what]
        if what not in (VALIDATION, CHECKPOINT) and self.counts[what] == _WARM_UP + 1:
            own.clear()
        own.append(seconds)

    def mean(self, what: str) -> float:
        """Seconds, of the last ones; 0 where nothing was timed."""
        own = self.seconds.get(what)
        return sum(own) / len(own) if own else 0.0
