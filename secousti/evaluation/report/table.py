"""The table of a report as rows of text: for the terminal, Markdown and the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from secousti.evaluation.report.summary import Column, Row, Summary
from secousti.evaluation.statistics import Estimate

MOST_METRICS = 8  # more do not fit a page of documentation beside their intervals


@dataclass(frozen=True)
class Table:
    """Headings and rows of text.

    Attributes:
        rows: as many cells as headings.
        quoted: for each row, whether a paper says so rather than this run.
    """

    title: str
    headings: list[str]
    rows: list[list[str]]
    quoted: list[bool]


def quality_tables(summary: Summary) -> list[Table]:
    """Codecs against metrics, at most ``MOST_METRICS`` a table, in tables of like width."""
    columns = summary.columns
    count = max(1, math.ceil(len(columns) / MOST_METRICS))
    size = math.ceil(len(columns) / count)
    titles = ["Quality: mean and 95 % interval"]
    titles += [f"Quality, continued ({k + 1} of {count})" for k in range(1, count)]
    return [
        _quality_table(summary, title, columns[k * size : (k + 1) * size])
        for k, title in enumerate(titles)
    ]


def _quality_table(summary: Summary, title: str, columns: list[Column]) -> Table:
    """Codecs against these metrics; a paper's rows below, where the suite has some."""
    headings = ["codec", "bit/s", *(c.heading for c in columns)]
    rows = [
        [row.label, bitrate(row), *(interval(row.estimates[c.name]) for c in columns)]
        for row in summary.rows
    ]
    quoted = quoted_rows(summary)
    names = [c.name for c in columns]
    rows += [
        [f"{row['codec']} †", number(row.get("bitrate")), *(number(row.get(n)) for n in names)]
        for row in quoted
    ]
    marks = [False] * len(summary.rows) + [True] * len(quoted)
    return Table(title, headings, rows, marks)


def structure_table(summary: Summary) -> Table:
    """Bits counted apart, rates, size, latency and speed."""
    headings = [
        "codec",
        "tokens (bit/s)",
        "side information (bit/utterance)",
        "container (bit/s)",
        "frames/s",
        "tokens/s",
        "parameters",
        "GFLOPs",
        "causal",
        "latency (ms)",
        "RTF encode",
        "RTF decode",
    ]
    rows = [_structure(row) for row in summary.rows]
    quoted = quoted_rows(summary)
    for row in quoted:
        cells = [f"{row['codec']} †", number(row.get("bitrate")), "", ""]
        cells += [number(row.get(key)) for key in ("frame_rate", "tokens_per_second")]
        cells += [str(row.get("parameters", "")), number(row.get("gflops"))]
        cells += [yes_no(row.get("causal"))]
        cells += [number(row.get(key)) for key in ("latency_ms", "rtf_encode", "rtf_decode")]
        rows.append(cells)
    marks = [False] * len(summary.rows) + [True] * len(quoted)
    return Table("Bits, size and speed", headings, rows, marks)


def _structure(row: Row) -> list[str]:
    info = row.info
    return [
        row.label,
        bitrate(row),
        number(row.side_bits) if row.side_bits else "",
        number(row.container_bitrate) if row.container_bitrate else "",
        number(info.frame_rate),
        number(row.tokens_per_second),
        "" if info.parameters is None else f"{info.parameters / 1e6:.2f} M",
        number(info.gflops),
        yes_no(info.causal),
        number(info.latency_ms),
        number(row.rtf_encode),
        number(row.rtf_decode),
    ]


def token_table(summary: Summary) -> Table:
    """Use and evenness of every codebook (Fig. 4)."""
    headings = [
        "codec",
        "codebook",
        "tokens counted",
        "ids",
        "utilisation",
        "perplexity",
        "commonest id",
        "entropy (bit)",
        "given the one before (bit)",
    ]
    rows = []
    for row in summary.rows:
        for index, found in enumerate(row.tokens):
            rows.append(
                [
                    row.label,
                    str(index + 1),
                    str(found.tokens),
                    str(found.codebook_size),
                    f"{100 * found.utilisation:.2f} %",
                    number(found.perplexity),
                    f"{100 * found.top_share:.2f} %",
                    number(found.entropy),
                    number(found.conditional_entropy),
                ]
            )
    return Table("Tokens", headings, rows, [False] * len(rows))


def test_table(summary: Summary) -> Table:
    """Paired tests that stay significant at 5 % after Holm's correction, and how many do not."""
    labels = {row.info.name: row.label for row in summary.rows}
    headings = ["metric", "codec", "against", "mean difference", "p (Holm)", "utterances"]
    columns = {c.name: c.label for c in summary.columns}
    rows = [
        [
            columns[metric],
            labels[first],
            labels[second],
            f"{test.difference:+.3g}",
            f"{test.p_corrected:.2g}",
            str(test.count),
        ]
        for (metric, first, second), test in summary.tests.items()
    ]
    return Table("Paired tests", headings, rows, [False] * len(rows))


def tables(summary: Summary) -> list[Table]:
    """All tables that have rows."""
    every = [*quality_tables(summary), structure_table(summary), token_table(summary)]
    return [table for table in every if table.rows]


def quoted_rows(summary: Summary) -> list[dict[str, Any]]:
    """A paper's own rows."""
    return list(summary.quoted.get("rows", []))


def bitrate(row: Row) -> str:
    """Token bits a second; nothing for the reference and for copy synthesis."""
    if row.info.sample_rate == 0 or not row.bitrate or math.isnan(row.bitrate):
        return ""
    return number(row.bitrate)


def interval(found: Estimate) -> str:
    """``mean [low, high]``, or a dash where no utterance has a value."""
    if not found.count:
        return "–"
    mean, low, high = (number(value) for value in (found.mean, found.low, found.high))
    return mean if low == high else f"{mean} [{low}, {high}]"


def number(value: float | str | None) -> str:
    """A number with three or four telling digits; nothing for None."""
    if value is None or isinstance(value, str):
        return value or ""
    if math.isnan(value):
        return "–"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 20 else 2 if size >= 0.1 or not size else 4
    return f"{value:.{digits}f}"


def yes_no(value: bool | None) -> str:
    """``yes``, ``no`` or nothing."""
    return "" if value is None else "yes" if value else "no"
