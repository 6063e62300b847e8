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
from secousti.errors import SecoustiError
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


# Wraps the sequence of jobs, to draw a progress bar.
Track: TypeAlias = Callable[[Sequence[Job]], Iterable[Job]]
# (device, inode) of a file -> its name.
Identities: TypeAlias = dict[tuple[int, int], str]
# Whether the target of a job is what the job would make.
Finished: TypeAlias = Callable[[Job], bool]


def plan(
    inputs: Sequence[str],
    output: str,
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
    differ in their suffix alone keep it: ``a.wav.sct``, ``a.flac.sct``.

    Args:
        outputs: suffixes that a named output may have; by default those of audio for audio, and
            else ``new_suffix``.
        finished: asked of files below a folder whose target exists: what an earlier run has made
            is left as it is, not a problem.
        also_read: files that are read beside ``inputs``. No output replaces one of either.

    Raises:
        SecoustiError: nothing to do, or pipes mixed with other files.
    """
    if PIPE in inputs or is_own_output(output):
        if len(inputs) != 1 or os.path.isdir(inputs[0]):
            raise SecoustiError("a pipe (-) takes one input and one output: name exactly one")
        jobs = [Job(inputs[0], PIPE if is_own_output(output) else output)]
        finished = None
    elif _is_one_file(inputs, output):
        jobs, finished = [Job(inputs[0], output)], None
    else:
        jobs = list(_mirrored(inputs, output, suffixes, new_suffix))
    known = outputs or (WRITABLE_SUFFIXES if new_suffix in WRITABLE_SUFFIXES else {new_suffix})
    return list(_checked(jobs, force, known, finished, also_read))


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


def _checked(
    jobs: Sequence[Job],
    force: bool,
    known: Collection[str],
    finished: Finished | None,
    also_read: Collection[str],
) -> Iterator[Job]:
    taken: dict[str, str] = {}
    read = _identities([*(job.source for job in jobs), *also_read])
    for job in jobs:
        problem = _problem(job, taken, read) or _wrong_suffix(job.target, known)
        done = False
        if problem is None and not force and _exists(job.target):
            done = finished is not None and finished(job)
            problem = None if done else f"{job.target} exists already; --force overwrites it"
        yield replace(job, problem=problem, finished=done)
        taken.setdefault(job.target, job.source)


def _exists(target: str) -> bool:
    """Whether there is a file to be lost; what is written into a pipe or device replaces none."""
    return target != PIPE and os.path.lexists(target) and not is_stream(target)


def _problem(job: Job, taken: dict[str, str], read: Identities) -> str | None:
    if job.source != PIPE and not os.path.exists(job.source):
        return f"no such file: {job.source}"
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


def run(jobs: Sequence[Job], work: Callable[[Job], Result], track: Track | None) -> list[Result]:
    """Do every job that is not finished; one that fails does not stop the others.

    Raises:
        SecoustiError: there was one job only, and it failed.
    """
    results = []
    for job in jobs if track is None else track(jobs):
        try:
            if job.problem:
                raise SecoustiError(job.problem)
            results.append(Result(job, finished=True) if job.finished else work(job))
        except BrokenPipeError:
            raise
        except Exception as error:  # of one file, whatever it is
            if len(jobs) == 1:
                raise
            results.append(Result(job, error=str(error) or type(error).__name__))
    return results
