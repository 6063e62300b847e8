"""Progress while a command works, and the summary when it is done. All of it goes to stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from secousti.errors import printable
from secousti.paths import readable

if TYPE_CHECKING:
    from secousti.files.jobs import Result

MOST_ROWS = 30  # of a summary; a longer one shows the sum and the failures


@contextmanager
def progress(jobs: int) -> Iterator[Callable[[float], None]]:
    """A bar of how much is done and when it ends, if someone is watching.

    Args:
        jobs: how many there are. The block is given a function that adds to what is done, of
            which 1 is a whole job.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    hidden = not console.is_terminal
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=hidden, transient=True
    ) as bar:
        task = bar.add_task("1 file" if jobs == 1 else f"{jobs} files", total=jobs)
        yield lambda share: bar.advance(task, share)


def summarize(results: Sequence[Result], done: str) -> None:
    """Say what came of every job, and exit with 1 if one failed.

    Args:
        done: what was done to each, for the single-file line ("encoded").
    """
    for result in results:
        if result.note:
            typer.echo(printable(f"secousti: note: {result.note}"), err=True)
    before = [result for result in results if result.finished]
    results = [result for result in results if not result.finished]
    if before:
        typer.echo(f"{len(before)} file(s) were finished by an earlier run", err=True)
    if len(results) == 1 and not before and not results[0].error:
        typer.echo(_line(results[0], done), err=True)
    elif results:
        _table(results)
    if any(result.error for result in results):
        raise typer.Exit(1)


def _line(result: Result, done: str) -> str:
    job = result.job
    target = "standard output" if job.target == "-" else printable(readable(job.target))
    return f"{done} {result.duration:.2f} s to {target}{_bits(result)}"


def _bits(result: Result) -> str:
    bits = result.bits
    if not bits.total:
        return ""
    return (
        f": {bits.total // 8} bytes = {bits.tokens} bits of tokens + {bits.side_information} of "
        f"voice + {bits.container} of container ({_rate(bits.tokens, result.duration)} of tokens)"
    )


def _rate(bits: float, seconds: float) -> str:
    return f"{bits / seconds:.0f} bit/s" if bits and seconds else "-"


def _table(results: Sequence[Result]) -> None:
    """Numbers of every file and their sum; failures one below the other."""
    from rich.table import Table

    from secousti.console import console

    good = [result for result in results if not result.error]
    table = Table(show_footer=True)
    seconds = sum(result.duration for result in good)
    sums = [
        f"{seconds:.2f} s",
        str(sum(result.frames for result in good)),
        _rate(sum(result.bits.tokens for result in good), seconds),
        _rate(sum(result.bits.total for result in good), seconds),
    ]
    table.add_column("file", "all", overflow="fold")
    for name, footer in zip(("duration", "frames", "tokens", "file"), sums, strict=True):
        table.add_column(name, footer, justify="right", overflow="fold")
    for result in good if len(good) <= MOST_ROWS else []:
        table.add_row(*_cells(result))
    console(stderr=True).print(table)
    for result in results:
        if result.error:
            named = "" if result.job.source in result.error else f"{result.job.source}: "
            typer.echo(printable(f"secousti: error: {named}{result.error}"), err=True)
    typer.echo(f"{len(good)} done, {len(results) - len(good)} failed", err=True)


def _cells(result: Result) -> list[str]:
    from rich.markup import escape

    return [
        escape(printable(readable(result.job.source))),
        f"{result.duration:.2f} s",
        str(result.frames),
        _rate(result.bits.tokens, result.duration),
        _rate(result.bits.total, result.duration),
    ]
