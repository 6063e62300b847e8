"""Who does the work: this process, several processes, or a Ray cluster.

An engine is a generator: tasks and a job in, ``Progress`` and ``Record`` events out, in whatever
order they happen. What is in a shard never depends on the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from secousti.extraction.items import Task
from secousti.extraction.shard import Event, Job

Engine = Literal["local", "ray"]


def run_engine(engine: Engine, tasks: list[Task], job: Job, processes: int) -> Iterator[Event]:
    """The events of doing ``tasks``.

    Raises:
        SecoustiError: the run is strict and a recording is bad, or workers keep dying.
    """
    if engine == "ray":
        from secousti.extraction.engines.ray import run_ray

        return run_ray(tasks, job, processes)
    from secousti.extraction.engines.local import run_here, run_pool

    return run_here(tasks, job) if processes == 1 else run_pool(tasks, job, processes)
