"""``secousti eval listening``: results of a listening test as tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from secousti.atomic import write_text
from secousti.errors import SecoustiError
from secousti.evaluation.listening_results import (
    abx_table,
    mushra_table,
    preference_table,
    read_results,
    screened,
)
from secousti.evaluation.report.text import markdown_table, print_table

NAME = "listening"
_FAULTS = 5  # that are named


def report_listening(paths: Sequence[Path], output: Path, margin: float) -> None:
    """Print the tables and write them to ``output/listening.md``.

    Raises:
        SecoustiError: no file, files that are no results, or a margin that is not above 0.
    """
    if not paths:
        raise SecoustiError("name webMUSHRA's results: secousti eval listening RESULTS.csv")
    if not margin > 0:
        raise SecoustiError(f"--margin is {margin:g}; give more than 0 points")
    results = read_results(paths)
    kept, deaf = screened(results.ratings)
    tables = [mushra_table(kept), preference_table(kept, margin)] if kept else []
    tables += [abx_table(results.choices)] if results.choices else []
    notes = [f"left out, as the hidden reference was below 90 too often: {who}" for who in deaf]
    notes += [f"left out: {fault}" for fault in results.faults[:_FAULTS]]
    if len(results.faults) > _FAULTS:
        notes.append(f"left out: {len(results.faults) - _FAULTS} more lines")
    for table in tables:
        print_table(table)
    for note in notes:
        print(note)
    parts = [f"## {table.title}\n\n{markdown_table(table)}" for table in tables]
    write_text(output / "listening.md", "\n\n".join([*parts, *notes]) + "\n")
    print(f"report: {output / 'listening.md'}")
