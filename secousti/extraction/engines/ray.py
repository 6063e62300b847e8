"""A Ray cluster, through Ray Data: tasks are rows, a worker is an actor with the model loaded.

Ray gives the task of a worker that died to another one. Shards are renamed into place whole and
depend on their task alone, so doing one twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from secousti.errors import require
from secousti.extraction.items import Progress, Task
from secousti.extraction.journal import Record
from secousti.extraction.shard import Event, Job, ShardMaker

_GPU_LOADERS = 4  # cores for decoding beside each GPU


class _Worker:
    """What Ray Data calls with batches of one task."""

    def __init__(self, job: Job) -> None:
        import torch

        torch.set_num_threads(1)
        self.make = ShardMaker(job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        records = [self._shard(Task(**json.loads(text))) for text in batch["task"]]
        return {"record": [json.dumps(record.to_json()) for record in records]}

    def _shard(self, task: Task) -> Record:
        *_, record = self.make(task)
        assert isinstance(record, Record)
        return record


def run_ray(tasks: list[Task], job: Job, processes: int) -> Iterator[Event]:
    """``processes`` actors in the cluster that ``RAY_ADDRESS`` names, or in a new local one.

    The input, the model and the output must be visible to every node.

    Raises:
        SecoustiError: Ray is missing.
    """
    ray = require("ray", "ray")
    require("ray.data", "ray")
    if not tasks:
        return
    weights = {task.index: task.weight for task in tasks}
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False  # there is one already
    gpu = job.settings.device.startswith("cuda")
    plain = [{"task": json.dumps(asdict(task))} for task in tasks]
    # A block a task: blocks are what Ray hands out, one after the other.
    done = ray.data.from_items(plain, override_num_blocks=len(plain)).map_batches(
        _Worker,
        fn_constructor_args=(job,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=min(processes, len(tasks))),
        num_cpus=_GPU_LOADERS if gpu else 1,
        num_gpus=1 if gpu else 0,
    )
    for row in done.iter_rows():
        record = Record.from_json(json.loads(row["record"]))
        yield Progress(weights[record.shard], record.seconds)
        yield record
