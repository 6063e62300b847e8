"""Which file becomes which, and what came of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from secousti.container.accounting import Accounting
from secousti.errors import SecoustiError
from secousti.paths import PIPE, find_files


@dataclass(frozen=True)
class Job:
    """One input and its output; ``-`` is standard input or output.

    ``problem``: why it cannot be done, known before any work.
    """

    source: str
    target: str
    problem: str | None = None


@dataclass(frozen=True)
class Result:
    """What came of a job.

    Attributes:
        duration: seconds of audio.
        frames: frames of tokens; ``bits``: what they and the rest take as a ``.sct`` file.
        error: why it failed, or ``None``.
        note: what else to know of it.
    """

    job: Job
    duration: float = 0.0
    frames: int = 0
    bits: Accounting = field(default_factory=Accounting)
    error: str | None = None
    note: str | None = None


# Wraps the sequence of jobs, to draw a progress bar.
Track: TypeAlias = Callable[[Sequence[Job]], Iterable[Job]]


def plan(
    inputs: Sequence[str], output: str, suffixes: Collection[str], new_suffix: str, force: bool
) -> list[Job]:
    """The jobs that turn ``inputs`` into ``output``.

    A folder is searched for ``suffixes`` and its tree mirrored under ``output``; one file goes to
    ``output``, or into it if that is a folder; several files go into it.

    Raises:
        SecoustiError: nothing to do, or pipes mixed with other files.
    """
    if PIPE in inputs or output == PIPE:
        if len(inputs) != 1 or os.path.isdir(inputs[0]):
            raise SecoustiError("a pipe (-) takes one input and one output: name exactly one")
        jobs = [Job(inputs[0], output)]
    else:
        found = [pair for item in inputs for pair in find_files(item, suffixes)]
        one_file = len(inputs) == 1 and not os.path.isdir(inputs[0])
        if one_file and not (output.endswith(("/", os.sep)) or os.path.isdir(output)):
            jobs = [Job(inputs[0], output)]
        else:
            jobs = [
                Job(source, str(Path(output) / Path(relative).with_suffix(new_suffix)))
                for source, relative in found
            ]
    return list(_with_problems(jobs, force))


def _with_problems(jobs: Iterable[Job], force: bool) -> Iterator[Job]:
    taken: dict[str, str] = {}
    for job in jobs:
        yield Job(job.source, job.target, _problem(job, force, taken))
        taken.setdefault(job.target, job.source)


def _problem(job: Job, force: bool, taken: dict[str, str]) -> str | None:
    if job.source != PIPE and not os.path.isfile(job.source):
        return f"no such file: {job.source}"
    if job.target == PIPE:
        if sys.stdout.isatty():
            return "this would write binary data to a terminal: redirect it, or name a file"
        return None
    if job.target in taken:
        return f"{job.target} is already made from {taken[job.target]}: rename one of the two"
    if not os.path.exists(job.target):
        return None
    if job.source != PIPE and os.path.samefile(job.source, job.target):
        return f"{job.target} is the input itself"
    if os.path.isdir(job.target):
        return f"{job.target} is a folder"
    return None if force else f"{job.target} exists already; --force overwrites it"


def run(jobs: Sequence[Job], work: Callable[[Job], Result], track: Track | None) -> list[Result]:
    """Do every job; one that fails does not stop the others.

    Raises:
        SecoustiError: there was one job only, and it failed.
    """
    results = []
    for job in jobs if track is None else track(jobs):
        try:
            if job.problem:
                raise SecoustiError(job.problem)
            results.append(work(job))
        except (SecoustiError, OSError) as error:
            if len(jobs) == 1:
                raise
            results.append(Result(job, error=str(error)))
    return results
