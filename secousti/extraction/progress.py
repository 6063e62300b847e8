"""A progress bar in hours of audio, and the table at the end; both on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from secousti.errors import printable
from secousti.extraction.items import Progress as Step
from secousti.extraction.items import Task
from secousti.extraction.journal import Record
from secousti.extraction.run import Summary, Watch
from secousti.extraction.shard import Event

_LONGEST = 300  # characters of a name or a reason; all of it is in faults.jsonl
_MOST_FAULTS = 10  # shown; all are in faults.jsonl


@contextmanager
def progress_bar(console: Console) -> Iterator[Watch]:
    """A ``watch`` for ``extract``: hours done, hours per hour, time left, shards."""
    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.description}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield lambda tasks, mine: _follow(bar, tasks, mine)


def _follow(bar: Progress, tasks: list[Task], mine: list[Task]) -> Callable[[Event], None]:
    weights = {task.index: task.weight for task in tasks}
    line = bar.add_task("starting", total=sum(task.weight for task in mine) or None)
    started = time.monotonic()
    seconds = weight = settled = 0.0
    shards = 0

    def notify(event: Event) -> None:
        nonlocal seconds, weight, settled, shards
        if isinstance(event, Step):
            seconds += event.seconds
            weight += event.weight
        elif isinstance(event, Record):
            shards += 1
            settled += weights[event.shard]
            weight = max(weight, settled)
        hours, speed = seconds / 3600, seconds / max(time.monotonic() - started, 1e-9)
        text = f"{hours:.2f} h, {speed:.0f} h per hour, shard {shards} of {len(mine)}, left"
        bar.update(line, completed=weight, description=text)

    return notify


def print_summary(summary: Summary, elapsed: float, console: Console) -> None:
    """What is in the output now, and the first faults."""
    sums = summary.totals
    table = Table(show_header=False, title=f"Tokens in {escape(str(summary.output))}")
    tokens = f"{sums['tokens']:,}"
    rows = {
        "utterances": f"{sums['items']:,}",
        "hours": f"{sums['hours']:.2f}",
        "tokens": tokens,
        "size": f"{sums['bytes'] / 1e6:.2f} MB",
        "shards": f"{summary.shards_made} made, {summary.shards_kept} already there",
        "skipped": f"{sums['faults']} recordings",
        "time": f"{elapsed:.1f} s",
        "finished": "yes" if summary.complete else "no: other processes are still at work",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
    for reason in summary.renewed:
        console.print(f"[yellow]made again[/yellow]: {_shown(reason)}", highlight=False)
    for fault in summary.faults[:_MOST_FAULTS]:
        told = f"{_shown(fault['id'])}: {_shown(fault['reason'])}"
        console.print(f"[yellow]skipped[/yellow] {told}", highlight=False)
    if len(summary.faults) > _MOST_FAULTS:
        console.print(f"and {len(summary.faults) - _MOST_FAULTS} more, all in faults.jsonl")


def _shown(text: str) -> str:
    """What a terminal may be shown of names and reasons, which may be of any length."""
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return escape(printable(short))
