"""Tables on standard output: for a terminal, for a pipe, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console

TableFormat: TypeAlias = Literal["table", "md", "csv"]
_ANY_WIDTH = 10_000  # columns of a pipe or a file


def console(stderr: bool = False) -> Console:
    """A console as wide as the terminal; what goes into a pipe or a file is never cut or folded."""
    from rich.console import Console

    seen = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr) if seen else Console(stderr=stderr, width=_ANY_WIDTH)


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, numbers to the right."""
    lines = [headings, ["---"] + ["---:"] * (len(headings) - 1), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def comma_separated(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as CSV, quoted where it must be."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([headings, *rows])
    return text.getvalue().rstrip("\n")


def print_plain(form: TableFormat, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table as Markdown or CSV."""
    print((markdown if form == "md" else comma_separated)(headings, rows))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
