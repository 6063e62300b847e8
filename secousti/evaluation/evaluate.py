"""The one call behind ``secousti eval``: a suite and codecs in, a folder with the report out."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from secousti.errors import SecoustiError
from secousti.evaluation.cache import Cache
from secousti.evaluation.codecs import Codec
from secousti.evaluation.datasets import load_dataset
from secousti.evaluation.metrics import Metric
from secousti.evaluation.report.figures import draw_figures
from secousti.evaluation.report.page import write_page
from secousti.evaluation.report.summary import Summary, column, compare_codecs, summarise_codec
from secousti.evaluation.report.text import write_texts
from secousti.evaluation.run import Tick, make_work, run_all
from secousti.evaluation.suite import Suite
from secousti.evaluation.worker import Plan, build_codec, build_metric

Progress = Callable[[int | None], Tick]


def evaluate(
    suite: Suite,
    out: Path,
    *,
    cache: Path,
    suite_folder: Path = Path(),
    jobs: int = 1,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Summary:
    """Run a suite of the tasks reconstruction or conversion and write its report to ``out``.

    What was coded and scored before, with the same versions, comes from ``cache``. A codec or
    metric that cannot run is skipped, with the reason in the report.

    Args:
        progress: called with the number of utterances; its result is called after each.

    Raises:
        SecoustiError: no recordings, no codec left, or a broken suite.
    """
    utterances = load_dataset(suite.data)
    quoted = read_quoted(suite.quoted, suite_folder)
    skipped: dict[str, str] = {}
    codecs = _usable(suite.codecs, lambda spec: build_codec(spec, device), skipped)
    metrics = _usable(suite.metrics, lambda spec: build_metric(spec, Cache(cache), device), skipped)
    _check_names(codecs, skipped)
    plan = Plan(tuple(codecs), tuple(metrics), str(cache), device)
    work = make_work(utterances, suite.task == "conversion", suite.data.seed)
    tick = progress(len(work)) if progress else _silent
    records = run_all(plan, work, jobs, tick)
    scored = {record.utterance for record in records if not record.error}
    if not scored:
        raise SecoustiError(f"not one recording could be evaluated: {records[0].error}")
    columns = [column(metric) for metric in metrics.values()]
    rows = [
        summarise_codec(codec, [r for r in records if r.codec == codec.name], columns)
        for codec in codecs.values()
    ]
    names = [codec.name for codec in codecs.values()]
    summary = Summary(
        title=suite.title,
        about=suite.about,
        utterances=len(scored),
        speakers=len({record.speaker for record in records if record.utterance in scored}),
        seconds=sum(record.seconds for record in records if record.codec == names[0]),
        columns=columns,
        rows=rows,
        records=records,
        skipped=skipped,
        tests=compare_codecs(records, columns, names),
        versions=versions(list(codecs.values()), list(metrics.values())),
        quoted=quoted,
    )
    write_report(summary, suite, out)
    return summary


def write_report(summary: Summary, suite: Suite, out: Path) -> None:
    """Tables, pictures, the page and the material for a listening test."""
    figures = draw_figures(summary, suite.figures, out / "figures")
    write_texts(summary, out, figures)
    write_page(summary, out / "report.html", figures, suite.examples)
    if suite.listening is not None:
        from secousti.evaluation.listening import export_listening_test

        export_listening_test(summary, suite.listening, out / "listening")


def _silent() -> None:
    return None


def _usable(specs: tuple[str, ...], build: Callable[[str], Any], skipped: dict[str, str]) -> Any:
    """What can run, by its spec; reasons of the rest go to ``skipped``.

    A misspelt name is an error at once: ``build`` raises it.
    """
    usable: dict[str, Codec | Metric] = {}
    for spec in specs:
        made = build(spec)
        try:
            made.check()
            usable[spec] = made
        except SecoustiError as reason:
            skipped[made.name] = str(reason)
    return usable


def _check_names(codecs: dict[str, Codec], skipped: dict[str, str]) -> None:
    names = [codec.name for codec in codecs.values()]
    if not set(names) - {"reference"}:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise SecoustiError(f"no codec can run: name some with --codec ({reasons or 'none given'})")
    for name in names:
        if names.count(name) > 1:
            raise SecoustiError(f"two codecs are called '{name}': add label=... to one of them")


def versions(codecs: list[Codec], metrics: list[Metric]) -> list[str]:
    """Everything the numbers depend on, one line each."""
    import torch

    from secousti.version import __version__

    lines = [
        f"secousti {__version__}, Python {platform.python_version()}, torch {torch.__version__}"
    ]
    lines += [f"{codec.info().label}: {codec.info().version}" for codec in codecs]
    lines += [
        f"{metric.label}: {metric.source}" + "".join(f", {v}" for v in metric.versions())
        for metric in metrics
    ]
    return lines


def read_quoted(name: str, folder: Path) -> dict[str, Any]:
    """A paper's rows: a YAML file with ``source`` and ``rows``, beside the suite.

    Raises:
        SecoustiError: the file is missing or has no source.
    """
    if not name:
        return {}
    import yaml

    try:
        document = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SecoustiError(f"cannot read the quoted rows {folder / name}: {error}") from error
    if not isinstance(document, dict) or not document.get("source") or "rows" not in document:
        raise SecoustiError(f"{folder / name}: quoted rows need the keys 'source' and 'rows'")
    return document


def with_codecs(suite: Suite, codecs: list[str]) -> Suite:
    """The suite with the codecs of the command line; the reference always comes first."""
    chosen = codecs or list(suite.codecs)
    return replace(suite, codecs=tuple(dict.fromkeys(["reference", *chosen])))
