"""Reports in text: terminal, Markdown, CSV, JSON."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from secousti.atomic import replacing, write_text
from secousti.console import TableFormat, console, print_plain
from secousti.evaluation.report.summary import Summary, as_document
from secousti.evaluation.report.table import Table, tables, test_table

if TYPE_CHECKING:
    from rich.console import JustifyMethod

QUOTED_NOTE = (
    "† quoted from {source}: other recordings and other settings of the metrics, so compare "
    "rows marked † with each other, and with the rest only roughly."
)


def data_line(summary: Summary) -> str:
    """How much was scored."""
    return (
        f"{summary.utterances} utterances of {summary.speakers} speakers, "
        f"{summary.seconds / 60:.1f} minutes; means with 95 % bootstrap intervals."
    )


def print_report(summary: Summary, form: TableFormat = "table") -> None:
    """Tables on standard output; what else is to be said goes beside those for other programs."""
    for table in tables(summary):
        print_table(table, form)
    beside = sys.stdout if form == "table" else sys.stderr
    print("\n".join([data_line(summary), *notes(summary)]), file=beside)


def print_table(table: Table, form: TableFormat = "table") -> None:
    """One table; a paper's rows are dim. One for a narrow terminal shows no intervals."""
    from rich.table import Table as RichTable

    if form != "table":
        print_plain(form, table.headings, table.rows)
        print()
        return
    screen = console()
    narrow = screen.width < 17 * len(table.headings)
    shown = RichTable(title=table.title, title_justify="left", header_style="bold")
    for index, heading in enumerate(table.headings):
        justify: JustifyMethod = "left" if index == 0 else "right"
        shown.add_column(heading, justify=justify, overflow="fold", min_width=5 if index else 12)
    for row, quoted in zip(table.rows, table.quoted, strict=True):
        cells = [cell.partition(" [")[0] for cell in row] if narrow else row
        shown.add_row(*cells, style="dim italic" if quoted else "")
    screen.print(shown)


def notes(summary: Summary) -> list[str]:
    """What the tables do not say: quotes, what was skipped, what failed."""
    lines = []
    if summary.quoted:
        lines.append(QUOTED_NOTE.format(source=summary.quoted.get("source", "the paper")))
        lines += [str(summary.quoted["note"])] if "note" in summary.quoted else []
    lines += [f"skipped {name}: {reason}" for name, reason in summary.skipped.items()]
    for row in summary.rows:
        for utterance, reason in row.failures.items():
            lines.append(f"{row.label} failed on {utterance}: {reason}")
        lines += _uncounted(summary, row.info.name, row.label)
    return lines


def _uncounted(summary: Summary, name: str, label: str) -> list[str]:
    reasons: dict[tuple[str, str], int] = {}
    for record in summary.records:
        if record.codec == name:
            for metric, reason in record.undefined.items():
                reasons[metric, reason] = reasons.get((metric, reason), 0) + 1
    return [
        f"{label}, {metric}: {count} utterance(s) without a value ({reason})"
        for (metric, reason), count in reasons.items()
    ]


def markdown_table(table: Table) -> str:
    """A table in Markdown."""
    lines = [
        "| " + " | ".join(table.headings) + " |",
        "|---" + "|---:" * (len(table.headings) - 1) + "|",
    ]
    for row, quoted in zip(table.rows, table.quoted, strict=True):
        cells = [f"*{cell}*" if quoted and cell else cell for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def markdown(summary: Summary, figures: list[Path]) -> str:
    """The whole report in Markdown."""
    parts = [f"# {summary.title}"]
    parts += [summary.about.strip()] if summary.about else []
    parts.append(data_line(summary))
    for table in tables(summary):
        parts.append(f"## {table.title}\n\n{markdown_table(table)}")
    parts += [f"![{path.stem}](figures/{path.name})" for path in figures]
    if said := notes(summary):
        parts.append("## Notes\n\n" + "\n".join(f"- {line}" for line in said))
    if summary.tests:
        parts.append(f"## Paired tests\n\n{markdown_table(test_table(summary))}")
    parts.append("## Versions\n\n" + "\n".join(f"- {line}" for line in summary.versions))
    return "\n\n".join(parts) + "\n"


def write_texts(summary: Summary, folder: Path, figures: list[Path]) -> None:
    """``report.md``, ``report.json``, ``report.csv`` and ``utterances.csv`` in ``folder``."""
    text = markdown(summary, figures)
    document = json.dumps(as_document(summary), indent=1, ensure_ascii=False)
    _write(folder / "report.md", text)
    _write(folder / "report.json", document)
    _write_csv(
        folder / "report.csv",
        ["codec", "metric", "mean", "low", "high", "count"],
        [
            [row.label, name, found.mean, found.low, found.high, found.count]
            for row in summary.rows
            for name, found in row.estimates.items()
        ],
    )
    names = [c.name for c in summary.columns]
    _write_csv(
        folder / "utterances.csv",
        ["codec", "utterance", "speaker", "seconds", *names],
        [
            [r.codec, r.utterance, r.speaker, round(r.seconds, 3)]
            + [r.scores[name][0] if name in r.scores else "" for name in names]
            for r in summary.records
        ],
    )


def _write(path: Path, text: str) -> None:
    write_text(path, text)


def _write_csv(path: Path, headings: list[str], rows: list[list[object]]) -> None:
    with replacing(path) as name, name.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([headings, *rows])
