"""``python -m data_prep prepare``: parses, shows progress, calls ``prepare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from data_prep.audio import Limits
from data_prep.corpora.source import KINDS, Source, find_sources
from data_prep.prepare import fault_summary
from data_prep.prepare import prepare as run
from data_prep.report import print_report
from data_prep.shard import Settings, Statistics
from secousti.errors import SecoustiError


def prepare(
    corpus: Annotated[
        list[str],
        typer.Argument(help="Corpus folders, JSONL manifests, or - for a manifest on stdin."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the shards.")],
    kind: Annotated[
        str | None, typer.Option(help=f"{', '.join(KINDS)}; guessed from the layout without it.")
    ] = None,
    valid: Annotated[
        str | None, typer.Option(help="A manifest of the validation split; else by speaker.")
    ] = None,
    valid_fraction: Annotated[
        float, typer.Option(help="Share of the speakers held out for validation.", min=0, max=1)
    ] = 0.02,
    audio_format: Annotated[str, typer.Option("--format", help="flac or opus.")] = "flac",
    sample_rate: Annotated[int, typer.Option(help="Rate of the audio in the shards, Hz.")] = 22050,
    min_seconds: Annotated[float, typer.Option(help="Leave out shorter utterances.")] = 0.3,
    max_seconds: Annotated[float, typer.Option(help="Leave out longer utterances.")] = 30.0,
    min_sample_rate: Annotated[int, typer.Option(help="Leave out audio below, Hz.")] = 16000,
    tagger: Annotated[str, typer.Option(help="English homographs: rules or gruut.")] = "rules",
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    shard_size: Annotated[int, typer.Option(help="Utterances a shard.", min=1)] = 500,
    seed: Annotated[int, typer.Option(help="Of the split and the order.")] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Any fault fails the run.")] = False,
) -> None:
    """Corpora to training shards: audio, text, phonemes, alignment, speaker, and a report.

    Run it again after an interruption: finished shards are kept.
    """
    if audio_format not in ("flac", "opus"):
        raise SecoustiError(f"--format is {audio_format!r}; it must be flac or opus")
    if sample_rate < 1 or not 0 <= min_seconds < max_seconds:
        raise SecoustiError("--sample-rate must be positive and --min-seconds below --max-seconds")
    limits = Limits(min_seconds, max_seconds, min_sample_rate)
    settings = Settings(sample_rate, audio_format, tagger, limits)
    sources = find_sources(corpus, kind, valid)
    with _Progress(sources) as progress:
        summary = run(
            sources,
            output,
            settings,
            workers=workers,
            valid_fraction=valid_fraction,
            shard_size=shard_size,
            seed=seed,
            on_shard=progress.advance_shard,
        )
    print_report(summary, Console())
    if strict and (complaint := fault_summary(summary)):
        raise SecoustiError(complaint)


class _Progress(Progress):
    """A bar on stderr that counts utterances and hours, full when the sources can be counted."""

    def __init__(self, sources: list[Source]) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[hours]:.2f} h"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        counts = [source.count() for source in sources]
        total = None if None in counts else sum(count or 0 for count in counts)
        self._task = self.add_task("utterances", total=total, hours=0.0)
        self._seconds = 0.0

    def advance_shard(self, statistics: Statistics) -> None:
        """Add one finished shard."""
        self._seconds += sum(group[1] for group in statistics.groups.values())
        self.update(self._task, advance=statistics.rows, hours=self._seconds / 3600)
