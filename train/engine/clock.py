"""Throughput, and the share of time spent waiting for data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Counts between two calls of ``restart``."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget what was counted: the next report starts here."""
        self.since, self.processed, self.waited = time.monotonic(), 0.0, 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Time spent inside is waiting for data."""
        start = time.monotonic()
        yield
        self.waited += time.monotonic() - start

    def report(self, processes: int) -> dict[str, float]:
        """Seconds of audio per second over all processes, and the share of waiting."""
        elapsed = max(time.monotonic() - self.since, 1e-9)
        return {
            "audio_per_second": self.processed * processes / elapsed,
            "data_wait": self.waited / elapsed,
        }
