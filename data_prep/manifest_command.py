"""``python -m data_prep manifest``: a corpus tree as one JSONL manifest, to align or to edit."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from data_prep.corpora.source import KINDS, Source, find_sources
from data_prep.faults import KINDS as FAULTS
from data_prep.faults import Fault, OnFault
from data_prep.manifest import Row, write_manifest
from secousti.audio.io import duration_of
from secousti.errors import SecoustiError
from secousti.manifest import is_url


def manifest(
    corpus: Annotated[list[str], typer.Argument(help="Corpus folders or JSONL manifests.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON Lines to write.")],
    kind: Annotated[
        str | None, typer.Option(help=f"{', '.join(KINDS)}; guessed from the layout without it.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Any fault fails the run.")] = False,
) -> None:
    """One line an utterance, with absolute paths and durations read from the files' headers."""
    console = Console(stderr=True)
    counts: Counter[str] = Counter()

    def report(fault: Fault) -> None:
        counts[fault.kind] += 1
        console.print(f"{fault.kind}: {fault.name}: {fault.reason}", markup=False, highlight=False)

    rows = timed_rows(find_sources(corpus, kind, None), report)
    written = write_manifest(output, track(rows, "utterances", console=console, transient=True))
    print(f"{written} utterances in {output}")
    for kind_, count in counts.most_common():
        print(f"  {kind_}: {count} ({FAULTS[kind_][0]})")
    if strict and counts:
        raise SecoustiError(f"--strict: {counts.total()} faults, named above")


def timed_rows(sources: list[Source], on_fault: OnFault) -> Iterator[Row]:
    """Rows with absolute paths and durations; what cannot be read, or comes twice, is a fault."""
    names: set[str] = set()
    for row in (row for source in sources for row in source.rows(on_fault)):
        row.audio = row.audio if is_url(row.audio) else os.path.abspath(row.audio)
        if row.id in names:
            on_fault(Fault("duplicate id", row.id, f"again at {row.audio}"))
            continue
        names.add(row.id)
        try:
            row.duration = row.duration or duration_of(row.audio)
        except Exception as error:  # whatever a decoder raises is this recording's fault
            on_fault(Fault("unreadable audio", row.id, str(error) or type(error).__name__))
            continue
        yield row
