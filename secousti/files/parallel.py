"""Jobs in several processes, each with a codec of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from secousti.errors import print_notes

J = TypeVar("J")
R = TypeVar("R")


def in_processes(
    jobs: Sequence[J],
    work: Callable[[J], R],
    failed: Callable[[J, str], R],
    advance: Callable[[float], None],
    processes: int,
) -> list[R]:
    """``work`` of every job, in their order; the cores are shared out among the processes.

    Args:
        work: can be pickled, and raises nothing.
        failed: what stands for a job whose process died.
        advance: told 1 after every job.
    """
    with _pool(work, min(processes, len(jobs))) as pool:
        waiting: dict[Future[R], int] = {
            pool.submit(_one, job): place for place, job in enumerate(jobs)
        }
        results: dict[int, R] = {}
        for future in as_completed(waiting):
            place = waiting[future]
            results[place] = _result(future, jobs[place], failed)
            advance(1.0)
    return [results[place] for place in range(len(jobs))]


def _result(future: Future[R], job: J, failed: Callable[[J, str], R]) -> R:
    try:
        return future.result()
    except BrokenProcessPool:
        return failed(job, "a process ended while this waited (out of memory?): use a smaller -j")


@contextmanager
def _pool(work: Callable[[J], R], processes: int) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(
        processes,
        # A fork would share the locks of PyTorch's threads, and no GPU survives it.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(work, max(1, torch.get_num_threads() // processes)),
    )
    try:
        yield pool
    finally:  # also after Ctrl-C: what was not begun is not done
        pool.shutdown(cancel_futures=True)


# What a worker process is to do: set once, when it begins, and never in the process of the caller.
_WORK: list[Callable[[Any], Any]] = []


def _begin(work: Callable[[Any], Any], threads: int) -> None:
    print_notes("secousti")
    torch.set_num_threads(threads)
    _WORK.append(work)


def _one(job: Any) -> Any:
    return _WORK[0](job)
