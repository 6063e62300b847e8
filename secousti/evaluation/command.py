"""What ``secousti eval`` calls: the suite with the command line's changes, run and printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from secousti.console import TableFormat
from secousti.evaluation.evaluate import Progress, evaluate, with_codecs
from secousti.evaluation.report.text import print_report, print_table
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
    format: TableFormat = "table"


def chosen_suite(options: Options) -> tuple[Suite, Path]:
    """The suite as the command line changes it, and its folder."""
    suite, folder = load_suite(options.suite)
    changes = {"path": options.data, "limit": options.limit, "seed": options.seed}
    given: dict[str, Any] = {key: value for key, value in changes.items() if value is not None}
    if options.data is not None:
        given["kind"] = "auto"
    suite = replace(suite, data=replace(suite.data, **given))
    suite = replace(suite, metrics=merge_specs(suite.metrics, options.metrics))
    return with_codecs(suite, options.codecs), folder


def merge_specs(specs: tuple[str, ...], added: list[str]) -> tuple[str, ...]:
    """Metrics of the suite, each replaced by an added one of its name; the rest follow."""
    by_name = {parse_spec(spec)[0]: spec for spec in specs}
    by_name.update({parse_spec(spec)[0]: spec for spec in added})
    return tuple(by_name.values())


def run_suite(options: Options) -> None:
    """Run whatever task the suite has, write its report, print it."""
    suite, folder = chosen_suite(options)
    TASKS[suite.task](suite, folder, options)


def _compare(suite: Suite, folder: Path, options: Options) -> None:
    with progress_bar() as progress:
        summary = evaluate(
            suite,
            options.output,
            cache=options.cache,
            suite_folder=folder,
            jobs=options.jobs,
            device=options.device,
            progress=progress,
        )
    print_report(summary, options.format)
    known = sum(record.known for record in summary.records)
    coded = f"{known} of {len(summary.records)} recordings were coded before"
    _say([coded, f"report: {options.output / 'report.html'}"], options.format)


def _probe(suite: Suite, folder: Path, options: Options) -> None:
    from secousti.evaluation.probe_report import report_tables, run_probes, verdict

    with progress_bar() as progress:
        reports = run_probes(
            suite,
            options.output,
            device=options.device,
            tick=progress(None),
            cache=options.cache,
        )
    for report in reports:
        for table in report_tables(report):
            print_table(table, options.format)
        said = [f"{report.model}: {verdict(report)}"]
        said += [f"{kind} was skipped: {reason}" for kind, reason in report.skipped.items()]
        _say(said, options.format)
    _say([f"report: {options.output / 'probes.md'}"], options.format)


def _say(lines: list[str], form: TableFormat) -> None:
    """What is no table stays out of the way of those that go into a file."""
    print("\n".join(lines), file=sys.stdout if form == "table" else sys.stderr)


def _voices(suite: Suite, folder: Path, options: Options) -> None:
    from secousti.evaluation.voices import run_voices

    for path in run_voices(suite, options.output, device=options.device):
        print(path)


TASKS: dict[str, Callable[[Suite, Path, Options], None]] = {
    "reconstruction": _compare,
    "conversion": _compare,
    "probes": _probe,
    "voices": _voices,
}


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on standard error, for a number of utterances that may not be known."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:

        def start(total: int | None) -> Tick:
            task = bar.add_task("utterances", total=total)
            return lambda: bar.advance(task)

        yield start
