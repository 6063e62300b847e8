"""What ``secousti eval`` calls: the suite with the command line's changes, run and printed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from secousti.evaluation.evaluate import evaluate, with_codecs
from secousti.evaluation.run import Tick
from secousti.evaluation.suite import Suite, load_suite, parse_spec


@dataclass(frozen=True)
class Options:
    """The command line; None keeps what the suite says."""

    suite: str
    codecs: list[str]
    metrics: list[str]
    data: str | None
    limit: int | None
    seed: int | None
    output: Path
    cache: Path
    jobs: int
    device: str


def chosen_suite(options: Options) -> tuple[Suite, Path]:
    """The suite as the command line changes it, and its folder."""
    suite, folder = load_suite(options.suite)
    changes = {"path": options.data, "limit": options.limit, "seed": options.seed}
    given = {key: value for key, value in changes.items() if value is not None}
    suite = replace(suite, data=replace(suite.data, **given))  # type: ignore[arg-type]
    suite = replace(suite, metrics=merge_specs(suite.metrics, options.metrics))
    return with_codecs(suite, options.codecs), folder


def merge_specs(specs: tuple[str, ...], added: list[str]) -> tuple[str, ...]:
    """Metrics of the suite, each replaced by an added one of its name; the rest follow."""
    by_name = {parse_spec(spec)[0]: spec for spec in specs}
    by_name.update({parse_spec(spec)[0]: spec for spec in added})
    return tuple(by_name.values())


def run_suite(options: Options) -> None:
    """Run whatever task the suite has, write its report, print it."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    suite, folder = chosen_suite(options)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:

        def progress(total: int) -> Tick:
            task = bar.add_task("utterances", total=total)
            return lambda: bar.advance(task)

        summary = evaluate(
            suite,
            options.output,
            cache=options.cache,
            suite_folder=folder,
            jobs=options.jobs,
            device=options.device,
            progress=progress,
        )
    from secousti.evaluation.report.text import print_report

    print_report(summary)
    known = sum(record.known for record in summary.records)
    print(
        f"{known} of {len(summary.records)} recordings were coded before; report: {options.output}"
    )
