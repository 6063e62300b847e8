"""Run a plan over all utterances, here or in several processes, and collect the records."""

from __future__ import annotations

import multiprocessing
import os
import queue
import random
from collections.abc import Callable, Iterator
from typing import Any

from secousti.errors import SecoustiError
from secousti.evaluation.datasets import Utterance
from secousti.evaluation.worker import Plan, Record, Work, Worker

Tick = Callable[[], None]


def make_work(utterances: list[Utterance], conversion: bool, seed: int) -> list[Work]:
    """One piece of work an utterance; for conversion each meets another speaker's recording.

    Raises:
        SecoustiError: conversion with a single speaker.
    """
    if not conversion:
        return [Work(utterance) for utterance in utterances]
    rng = random.Random(seed)
    work = []
    for utterance in utterances:
        others = [other for other in utterances if other.speaker != utterance.speaker]
        if not others:
            raise SecoustiError("voice conversion needs recordings of at least two speakers")
        work.append(Work(utterance, rng.choice(others)))
    return work


def run_all(plan: Plan, work: list[Work], jobs: int, tick: Tick) -> list[Record]:
    """All records, ordered as ``work`` and the codecs are, however many processes ran.

    Raises:
        SecoustiError: a worker cannot start, or died; what it had finished is in the cache.
    """
    results = _here(plan, work) if jobs <= 1 else _spread(plan, work, jobs)
    found: dict[int, list[Record]] = {}
    for index, records in results:
        found[index] = records
        tick()
    return [record for index in sorted(found) for record in found[index]]


def _here(plan: Plan, work: list[Work]) -> Iterator[tuple[int, list[Record]]]:
    worker = Worker(plan)
    for index, item in enumerate(work):
        yield index, worker.run(item)


def _spread(plan: Plan, work: list[Work], jobs: int) -> Iterator[tuple[int, list[Record]]]:
    context = multiprocessing.get_context("spawn")
    tasks, results = context.Queue(), context.Queue()
    for task in [*enumerate(work), *[None] * jobs]:
        tasks.put(task)
    processes = [
        context.Process(target=_serve, args=(plan, tasks, results), daemon=True)
        for _ in range(jobs)
    ]
    for process in processes:
        process.start()
    try:
        for _ in work:
            yield _next(results, processes)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _next(results: Any, processes: list[Any]) -> tuple[int, list[Record]]:
    while True:
        try:
            found = results.get(timeout=1.0)
        except queue.Empty:
            if not any(process.is_alive() for process in processes):
                raise SecoustiError(
                    "every worker process died (too little memory?); finished utterances are in "
                    "the cache: run the same command again with fewer --jobs"
                ) from None
            continue
        if isinstance(found, str):
            raise SecoustiError(found)
        return found


def _serve(plan: Plan, tasks: Any, results: Any) -> None:
    """Body of a worker process; an error becomes a sentence for the parent."""
    import torch

    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    try:
        worker = Worker(plan)
        for index, item in iter(lambda: _take(tasks), None):
            results.put((index, worker.run(item)))
    except Exception as error:
        results.put(str(error))


def _take(tasks: Any) -> Any:
    """The next task; None when there is no more, or nobody left who waits for results."""
    parent = multiprocessing.parent_process()
    while parent is not None and parent.is_alive():
        try:
            return tasks.get(timeout=2.0)
        except queue.Empty:
            continue
    return None
