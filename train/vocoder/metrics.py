"""Numbers of a run as CSV, and a line that shows how it goes."""

from __future__ import annotations

import csv
from pathlib import Path

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class MetricsFile:
    """A CSV whose columns are those of the first row; a resumed run drops what it will redo."""

    def __init__(self, path: Path, resumed_step: int) -> None:
        self.path = path
        if path.exists():
            with path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if int(row["step"]) <= resumed_step]
            path.unlink()
            for row in rows:
                self.write(dict(row))

    def write(self, row: dict[str, object]) -> None:
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)


def progress_bar(enabled: bool, what: str = "vocoder") -> Progress:
    """Steps done, time taken and left, and the last losses."""
    return Progress(
        TextColumn(f"[bold]{what}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        disable=not enabled,
    )
