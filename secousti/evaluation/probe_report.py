"""Tables and pictures of the task ``probes``, and what may be said of a model after them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from secousti.atomic import write_text
from secousti.evaluation.probe_run import (
    LIKENESS,
    SPEAKERS,
    WORDS,
    ConversionReport,
    ProbeReport,
    probe_suite,
)
from secousti.evaluation.report.draw import new_figure, save
from secousti.evaluation.report.table import Table
from secousti.evaluation.report.text import markdown_table
from secousti.evaluation.statistics import Estimate
from secousti.evaluation.suite import Suite

PARTS = {
    "S": "S, the tokens",
    "digits": "the tokens' digits",
    "G": "G, the voice vector",
    "A": "A, the acoustic embedding",
}
HIDDEN = 0.3  # of 12 speakers: what a probe of the digits may tell of a disentangled codec
SOUNDS = {
    "source": "the source as it is",
    "copy": "through the codec, own voice",
    "converted": "in the other's voice",
}


def run_probes(
    suite: Suite,
    out: Path,
    *,
    device: str,
    tick: Callable[[], None],
    cache: Path | None = None,
) -> list[ProbeReport]:
    """Probe every codec of ours in the suite; write ``probes.json``, ``.md`` and pictures.

    Raises:
        SecoustiError: no codec of the suite is ours, or no recording can be read.
    """
    reports = probe_suite(suite, device=device, tick=tick, cache=cache)
    _write(suite, reports, out)
    return reports


def verdict(report: ProbeReport) -> str:
    """One sentence: whether the tokens may be called disentangled from the speaker, and why.

    They may where a probe of their digits tells fewer than 30 % of 12 speakers apart and no words
    are lost in a copy (the interval of what is lost reaches 0).
    """
    probe = report.probes.get("speaker", {}).get("digits")
    if probe is None:
        return "Not judged: no speaker probe of the tokens' digits."
    told = f"a probe of the digits tells {probe.classes} speakers with {100 * probe.accuracy:.0f} %"
    if probe.classes < SPEAKERS:
        return f"Not judged: {told}; {SPEAKERS} speakers are needed."
    if probe.accuracy >= HIDDEN:
        return f"Not disentangled: {told} (chance {100 * probe.chance:.0f} %, limit 30 %)."
    lost = report.conversion.scores["copy"].get(WORDS) if report.conversion else None
    if lost is None or not lost.count:
        return f"Not judged: {told}, but how many words are lost is not known."
    if lost.low > 0:
        return f"Not disentangled: {told}, but {lost.mean:.1f} % of the words are lost."
    return f"Disentangled: {told} (chance {100 * probe.chance:.0f} %), and no words are lost."


def probe_table(report: ProbeReport) -> Table:
    """Accuracy and bits of every part and label."""
    headings = ["part", *(f"{kind}: accuracy (chance), bits" for kind in report.probes)]
    headings += ["nearest phoneme"] if report.retrieval else []
    rows = []
    for part in _parts(report):
        cells = [PARTS[part]]
        for probes in report.probes.values():
            p = probes[part]
            cells.append(
                f"{100 * p.accuracy:.1f} % ({100 * p.chance:.1f} %), "
                f"{p.bits:.2f} of {p.entropy:.2f}"
            )
        if report.retrieval:
            share = report.retrieval.get(part)
            cells.append("" if share is None else f"{100 * share:.1f} %")
        rows.append(cells)
    return Table(report.model, headings, rows, [False] * len(rows))


def conversion_table(model: str, found: ConversionReport) -> Table:
    """Pitch, words and likeness of converted speech beside the source's and the copy's."""
    pitch = found.pitch
    headings = ["sound", "F0 nearer the target's", "of the way to it", "octave errors"]
    headings += [
        "melody, correlation with the source's",
        "similarity to the target",
        "words wrong beyond the source",
    ]
    rows = []
    for name, title in SOUNDS.items():
        shown = [_share(e) for e in (pitch.nearer, pitch.way, pitch.octave_errors)]
        shown.append(_interval(pitch.melody, "", 2))
        scores = found.scores[name]
        cells = [title, *(shown if name == "converted" else [""] * len(shown))]
        cells += [_interval(scores.get(LIKENESS), "", 2), _interval(scores.get(WORDS), " %", 1)]
        rows.append(cells)
    title = f"{model}: {found.pairs} pairs more than half an octave apart"
    return Table(title, headings, rows, [False] * len(rows))


def _share(found: Estimate) -> str:
    if not found.count:
        return ""
    return f"{100 * found.mean:.0f} % [{100 * found.low:.0f}, {100 * found.high:.0f}]"


def _interval(found: Estimate | None, unit: str, digits: int) -> str:
    if found is None or not found.count or math.isnan(found.mean):
        return ""
    low, high = f"{found.low:.{digits}f}", f"{found.high:.{digits}f}"
    return f"{found.mean:.{digits}f}{unit} [{low}, {high}]"


def _parts(report: ProbeReport) -> list[str]:
    return [part for part in PARTS if all(part in probes for probes in report.probes.values())]


def draw_probes(report: ProbeReport, path: Path) -> Path:
    """One picture: how much of each label's entropy a linear probe finds in each part."""
    kinds, parts = list(report.probes), _parts(report)
    shares = np.array(
        [[report.probes[k][p].bits / report.probes[k][p].entropy for k in kinds] for p in parts]
    )
    figure = new_figure(2.4 + 1.5 * len(kinds), 0.7 + 0.8 * len(parts))
    axes = figure.add_subplot()
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, part in enumerate(parts):
        for column, kind in enumerate(kinds):
            ink = "white" if shares[row, column] > 0.55 else "#222222"
            accuracy = 100 * report.probes[kind][part].accuracy
            text = f"{100 * shares[row, column]:.0f} %\n{accuracy:.0f} % right"
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=9)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set_yticks(range(len(parts)), [PARTS[part] for part in parts])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{report.model}: share of the label's entropy found", fontsize=10, loc="left")
    figure.colorbar(shown, ax=axes, shrink=0.9)
    return save(figure, path)


def report_tables(report: ProbeReport) -> list[Table]:
    """All tables of one model."""
    found = [probe_table(report)] if report.probes else []
    if report.conversion is not None:
        found.append(conversion_table(report.model, report.conversion))
    return found


def _write(suite: Suite, reports: list[ProbeReport], out: Path) -> None:
    parts = [f"# {suite.title}"]
    for report in reports:
        parts += [f"## {report.model}", verdict(report)]
        parts += [
            f"**{table.title}**\n\n{markdown_table(table)}" for table in report_tables(report)
        ]
        if report.probes:
            name = f"probes-{report.model}.png"
            draw_probes(report, out / name)
            parts.append(f"![probes]({name})")
        parts += [f"- {kind} was skipped: {reason}" for kind, reason in report.skipped.items()]
    text = "\n\n".join(parts) + "\n"

    write_text(out / "probes.md", text)
    found = [{**asdict(report), "verdict": verdict(report)} for report in reports]
    write_text(out / "probes.json", json.dumps(found))
