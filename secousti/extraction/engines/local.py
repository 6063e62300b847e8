"""This machine: one process, or several that each load the model and take task after task."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from secousti.errors import SecoustiError
from secousti.extraction.items import Begun, Task
from secousti.extraction.journal import Record
from secousti.extraction.shard import Event, Job, ShardMaker

_MOST_DEATHS = 3  # of workers at one task, before a recording in it is blamed


def run_here(tasks: list[Task], job: Job) -> Iterator[Event]:
    """Every task in this process."""
    if not tasks:
        return
    make = ShardMaker(job)
    for task in tasks:
        yield from make(task)


def run_pool(tasks: list[Task], job: Job, processes: int) -> Iterator[Event]:
    """``processes`` workers, one thread each on a CPU, one device each on GPUs."""
    pool = _Pool(tasks, job, processes)
    try:
        yield from pool.events()
    finally:
        pool.stop()


class _Worker:
    """A process, our end of its pipe, and the task it has."""

    def __init__(self, context: SpawnContext, job: Job, device: str) -> None:
        self.device = device
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_work, args=(theirs, job, device), daemon=True
        )
        with _one_thread():
            self.process.start()
        theirs.close()
        self.task: Task | None = None
        self.begun: Begun | None = None  # the recording it announced, in a task done alone


class _Pool:
    def __init__(self, tasks: list[Task], job: Job, processes: int) -> None:
        self.context = multiprocessing.get_context("spawn")
        self.job = job
        self.waiting = deque(tasks)
        self.deaths: dict[int, int] = {}
        count = min(processes, len(tasks))
        devices = worker_devices(job.settings.device, count)
        self.workers = [_Worker(self.context, job, device) for device in devices]

    def events(self) -> Iterator[Event]:
        for worker in self.workers:
            self._give(worker)
        while busy := {w.connection: w for w in self.workers if w.task is not None}:
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                try:
                    message = worker.connection.recv()
                except (EOFError, ConnectionResetError):
                    self._replace(worker)
                    continue
                if isinstance(message, Exception):
                    raise message
                if isinstance(message, Begun):
                    worker.begun = message
                    continue
                if isinstance(message, Record):
                    self._give(worker)
                yield message

    def stop(self) -> None:
        for worker in self.workers:
            worker.process.terminate()
            worker.process.join()
            worker.connection.close()

    def _give(self, worker: _Worker) -> None:
        worker.task = self.waiting.popleft() if self.waiting else None
        if worker.task is not None:
            worker.connection.send(worker.task)

    def _replace(self, dead: _Worker) -> None:
        """A worker was killed (by the system, for memory, perhaps): its task goes to a new one."""
        dead.process.join()
        self.waiting.appendleft(self._again(dead))
        fresh = _Worker(self.context, self.job, dead.device)
        self.workers[self.workers.index(dead)] = fresh
        self._give(fresh)

    def _again(self, dead: _Worker) -> Task:
        """The task of a dead worker as it is tried next: at last without what kills workers.

        Raises:
            SecoustiError: no recording can be blamed, or the run is strict.
        """
        task = dead.task
        assert task is not None
        times = self.deaths[task.index] = self.deaths.get(task.index, 0) + 1
        if times < _MOST_DEATHS:
            return task
        if not task.alone and not self.job.settings.strict:
            return replace(task, alone=True)
        if dead.begun is None or dead.begun.place in task.skip:
            raise SecoustiError(
                f"workers died {times} times at shard {task.index} ({task.location}), "
                f"last with exit code {dead.process.exitcode}; out of memory? Try fewer "
                "processes or a smaller batch"
            )
        return replace(task, skip=(*task.skip, dead.begun.place))


def worker_devices(device: str, count: int) -> list[str]:
    """The device of each worker: GPUs in turn, unless one is named (``cuda:1``)."""
    if device != "cuda":
        return [device] * count
    import torch

    gpus = max(torch.cuda.device_count(), 1)
    return [f"cuda:{i % gpus}" for i in range(count)]


class _one_thread:
    """Children started inside see one thread a process: their number is the parallelism."""

    _NAMES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._NAMES}
        os.environ.update(dict.fromkeys(self._NAMES, "1"))

    def __exit__(self, *_: Any) -> None:
        for name, value in self._before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(connection: Connection, job: Job, device: str) -> None:
    """A worker's life: tasks in, events out, until the parent is gone."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        import torch

        torch.set_num_threads(1)
        make = ShardMaker(job, device, connection.send)
        while True:
            for event in make(connection.recv()):
                connection.send(event)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
    except SecoustiError as error:
        connection.send(SecoustiError(str(error)))
    except Exception as error:
        import traceback

        connection.send(RuntimeError(f"{error}\n\nin a worker:\n{traceback.format_exc()}"))


def _die_with_parent() -> None:
    """A killed parent takes its workers with it, whatever they are doing."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
