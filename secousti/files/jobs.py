"""Which file becomes which, and what came of it."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from secousti.audio.writing import WRITABLE_SUFFIXES
from secousti.container.accounting import Accounting
from secousti.errors import SecoustiError, said, wants_memory
from secousti.files.parallel import in_processes
from secousti.files.progress import Meter, Told, Track, ignore, untracked
from secousti.paths import PIPE, find_files, is_disk, is_own_output, is_stream


@dataclass(frozen=True)
class Job:
    """One input and its output; ``-`` is standard input or output.

    ``problem``: why it cannot be done, known before any work. ``finished``: an earlier run did it.
    """

    source: str
    target: str
    problem: str | None = None
    finished: bool = False


@dataclass(frozen=True)
class Result:
    """What came of a job.

    Attributes:
        duration: seconds of audio.
        frames: frames of tokens; ``bits``: what they and the rest take as a ``.sct`` file.
        error: why it failed, or ``None``.
        note: what else to know of it.
        finished: an earlier run had done it, so nothing was done now.
    """

    job: Job
    duration: float = 0.0
    frames: int = 0
    bits: Accounting = field(default_factory=Accounting)
    error: str | None = None
    note: str | None = None
    finished: bool = False


# Does a job, and tells on the way which share of it is done.
Work: TypeAlias = Callable[[Job, Told], Result]
# (device, inode) of a file -> its name.
Identities: TypeAlias = dict[tuple[int, int], str]
# Whether the target of a job is what the job would make.
Finished: TypeAlias = Callable[[Job], bool]


def plan(
    inputs: Sequence[str],
    output: str | None,
    suffixes: Collection[str],
    new_suffix: str,
    force: bool,
    *,
    outputs: Collection[str] | None = None,
    finished: Finished | None = None,
    also_read: Collection[str] = (),
) -> list[Job]:
    """The jobs that turn ``inputs`` into ``output``.

    A folder is searched for ``suffixes`` and its tree mirrored under ``output``; one file goes to
    ``output``, or into it if that is a folder; several files go into it. Files of one folder that
    differ in their suffix alone keep it: ``a.wav.sct``, ``a.flac.sct``. Without an ``output``
    files go beside their inputs, with ``new_suffix``, and replace nothing, whatever ``force`` is.

    Args:
        outputs: suffixes that a named output may have; by default those of audio for audio, and
            else ``new_suffix``.
        finished: asked of files below a folder whose target exists: what an earlier run has made
            is left as it is, not a problem.
        also_read: files that are read beside ``inputs``. No output replaces one of either.

    Raises:
        SecoustiError: nothing to do, pipes mixed with other files, or a pipe or a folder without
            an ``output``.
    """
    if output is None:
        beside = [_sought(job) for job in _beside(inputs, new_suffix)]
        remedy = "name another output with -o"
        return list(checked(beside, False, {new_suffix}, None, also_read, remedy))
    if PIPE in inputs or is_own_output(output):
        if len(inputs) != 1 or os.path.isdir(inputs[0]):
            raise SecoustiError("a pipe (-) takes one input and one output: name exactly one")
        jobs = [Job(inputs[0], PIPE if is_own_output(output) else output)]
        finished = None
    elif _is_one_file(inputs, output):
        jobs, finished = [Job(inputs[0], output)], None
    else:
        jobs = list(_mirrored(inputs, output, suffixes, new_suffix))
    jobs = [_sought(job) for job in jobs]
    known = outputs or (WRITABLE_SUFFIXES if new_suffix in WRITABLE_SUFFIXES else {new_suffix})
    return list(checked(jobs, force, known, finished, also_read))


def check_output(output: str, reads: Collection[str], force: bool) -> None:
    """That a single output may be written.

    Args:
        reads: the files that are read to make it.

    Raises:
        SecoustiError: it is one of them, exists already, or is a folder or a disk.
    """
    problem = _in_the_way(output, _identities(reads))
    if problem is None and not force and _exists(output):
        problem = f"{output} exists already; --force overwrites it"
    if problem is not None:
        raise SecoustiError(problem)


def _sought(job: Job) -> Job:
    if job.source == PIPE or os.path.exists(job.source):
        return job
    return replace(job, problem=f"no such file: {job.source}")


def _beside(inputs: Sequence[str], new_suffix: str) -> Iterator[Job]:
    for item in inputs:
        if item == PIPE or is_stream(item) or os.path.isdir(item):
            what = "a folder" if os.path.isdir(item) else "a pipe"
            raise SecoustiError(f"say where the output goes: of {what} it has no name without -o")
        yield Job(item, os.path.splitext(item)[0] + new_suffix)


def _is_one_file(inputs: Sequence[str], output: str) -> bool:
    if len(inputs) != 1 or os.path.isdir(inputs[0]):
        return False
    return not (output.endswith(("/", os.sep)) or os.path.isdir(output))


def _mirrored(
    inputs: Sequence[str], output: str, suffixes: Collection[str], new_suffix: str
) -> Iterator[Job]:
    for item in inputs:
        found = list(find_files(item, suffixes))
        stems = Counter(os.path.splitext(relative)[0] for _, relative in found)
        for source, relative in found:
            stem = os.path.splitext(relative)[0]
            name = relative if stems[stem] > 1 else stem
            yield Job(source, str(Path(output) / (name + new_suffix)))


def checked(
    jobs: Sequence[Job],
    force: bool,
    known: Collection[str],
    finished: Finished | None = None,
    also_read: Collection[str] = (),
    remedy: str = "--force overwrites it",
) -> Iterator[Job]:
    """The same jobs, with what stands against each of them.

    Args:
        force: replace files that exist.
        known: suffixes that a target may have. finished, also_read: see ``plan``.
        remedy: what to do about a target that exists.
    """
    taken: dict[str, str] = {}
    read = _identities([*(job.source for job in jobs), *also_read])
    for job in jobs:
        problem = job.problem or _problem(job, taken, read) or _wrong_suffix(job.target, known)
        done = False
        if problem is None and not force and _exists(job.target):
            done = finished is not None and finished(job)
            problem = None if done else f"{job.target} exists already; {remedy}"
        yield replace(job, problem=problem, finished=done)
        taken.setdefault(job.target, job.source)


def _exists(target: str) -> bool:
    """Whether there is a file to be lost; what is written into a pipe or device replaces none."""
    return target != PIPE and os.path.lexists(target) and not is_stream(target)


def _problem(job: Job, taken: dict[str, str], read: Identities) -> str | None:
    if job.target == PIPE:
        if sys.stdout.isatty():
            return "this would write binary data to a terminal: redirect it, or name a file"
        return None
    if job.target in taken:
        return f"{job.target} is already made from {taken[job.target]}: rename one of the two"
    return _in_the_way(job.target, read)


def _identities(paths: Iterable[str]) -> Identities:
    """What each path names, links followed; what is not there is left out."""
    found = {}
    for path in paths:
        with suppress(OSError, ValueError):
            status = os.stat(path)
            found[status.st_dev, status.st_ino] = path
    return found


def _in_the_way(target: str, read: Identities) -> str | None:
    """Why what is at ``target`` may not be replaced or written into, even with --force."""
    try:
        status = os.stat(target)
    except (OSError, ValueError):
        return None
    if (status.st_dev, status.st_ino) in read:
        return f"{target} is the input itself, or another file that is read: name another output"
    if is_disk(target):
        return f"{target} is a disk: give a file on it"
    return f"{target} is a folder" if os.path.isdir(target) else None


def _wrong_suffix(target: str, known: Collection[str]) -> str | None:
    suffix = os.path.splitext(target)[1].lower()
    if target == PIPE or not suffix or suffix in known or is_stream(target):
        return None
    return f"{target}: this is not written as {suffix}; choose {', '.join(sorted(known))}"


def run(
    jobs: Sequence[Job], work: Work, track: Track | None = None, processes: int = 1
) -> list[Result]:
    """Do every job that is not finished; one that fails does not stop the others.

    Args:
        work: does one. With several processes it is pickled.
        track: told how much of them is done.
        processes: that work at once.

    Raises:
        SecoustiError: there was one job only, and it failed.
    """
    with (track or untracked)(len(jobs)) as advance:
        if processes > 1 and len(jobs) > 1:
            return in_processes(jobs, _Attempt(work), _failed, advance, processes)
        return [_attempt(work, job, Meter(advance), len(jobs) == 1) for job in jobs]


@dataclass(frozen=True)
class _Attempt:
    """A job done in a process of its own."""

    work: Work

    def __call__(self, job: Job) -> Result:
        return _attempt(self.work, job, ignore, False)


def _attempt(work: Work, job: Job, told: Told, alone: bool) -> Result:
    try:
        if job.problem:
            raise SecoustiError(job.problem)
        result = Result(job, finished=True) if job.finished else work(job, told)
    except BrokenPipeError:
        raise
    except Exception as error:  # of one file, whatever it is
        if alone and wants_memory(error):
            raise SecoustiError(f"{job.source}: {said(error)}") from error
        if alone:
            raise
        result = _failed(job, said(error))
    told(1.0)
    return result


def _failed(job: Job, reason: str) -> Result:
    return Result(job, error=reason)
