"""The report of a preparation: a terminal table, ``report.md`` and a picture of the durations."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from data_prep.faults import KINDS, Fault
from data_prep.shard import HISTOGRAM_STEP, Statistics
from secousti.atomic import replacing
from secousti.errors import require
from secousti.manifest import to_line

_NAMES_SHOWN = 5
Line = tuple[str, str, str, int, float, int, int, int]


@dataclass
class Group:
    """Sums over one corpus, language and split."""

    utterances: int = 0
    seconds: float = 0.0
    with_text: int = 0
    aligned: int = 0
    speakers: set[str] = field(default_factory=set)


class Summary:
    """Sums of all shards; faults go to ``faults.jsonl`` as they come, only counts stay here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.groups: dict[tuple[str, str, str], Group] = defaultdict(Group)
        self.kept: Counter[str] = Counter()
        self.seconds: dict[str, float] = defaultdict(float)
        self.shards: dict[str, list[int]] = defaultdict(list)
        self.histogram: dict[str, Counter[int]] = defaultdict(Counter)
        self.fault_counts: Counter[str] = Counter()
        self.fault_names: dict[str, list[str]] = defaultdict(list)
        self.bytes = 0
        self._partial = folder / ".work" / "faults.partial"
        self._file = self._partial.open("w", encoding="utf-8")

    @property
    def utterances(self) -> int:
        """Utterances kept in all splits."""
        return sum(self.kept.values())

    def add_fault(self, fault: Fault) -> None:
        """Count and write down one fault."""
        self.fault_counts[fault.kind] += 1
        if len(self.fault_names[fault.kind]) < _NAMES_SHOWN:
            self.fault_names[fault.kind].append(f"{fault.name} ({fault.reason})")
        entry = {"kind": fault.kind, "name": fault.name, "reason": fault.reason}
        self._file.write(to_line(entry))

    def add_shard(self, statistics: Statistics) -> None:
        """Add what one shard holds."""
        for entry in statistics.faults:
            self.add_fault(Fault(*entry))
        for key, (utterances, seconds, with_text, aligned) in statistics.groups.items():
            corpus, _, language = key.rpartition("|")
            group = self.groups[statistics.split, corpus, language]
            group.utterances += int(utterances)
            group.seconds += seconds
            group.with_text += int(with_text)
            group.aligned += int(aligned)
            group.speakers.update(statistics.speakers[key])
            self.kept[statistics.split] += int(utterances)
            self.seconds[statistics.split] += seconds
        if statistics.utterances:
            self.shards[statistics.split].append(statistics.index)
        self.histogram[statistics.split].update(
            {int(step): count for step, count in statistics.histogram.items()}
        )
        self.bytes += statistics.bytes

    def finish(self) -> None:
        """Put ``faults.jsonl`` in place."""
        self._file.close()
        self._partial.replace(self.folder / "faults.jsonl")

    def lines(self) -> list[Line]:
        """Split, corpus, language, utterances, hours, speakers, with text, aligned; and totals."""
        lines: list[Line] = []
        for split in sorted({split for split, _, _ in self.groups}):
            members = {k: g for k, g in sorted(self.groups.items()) if k[0] == split}
            lines += [_line(*key, [group]) for key, group in members.items()]
            if len(members) > 1:
                lines.append(_line(split, "all", "", list(members.values())))
        return lines


def _line(split: str, corpus: str, language: str, groups: list[Group]) -> Line:
    return (
        split,
        corpus or "-",
        language,
        sum(g.utterances for g in groups),
        sum(g.seconds for g in groups) / 3600,
        len(set().union(*(g.speakers for g in groups))),
        sum(g.with_text for g in groups),
        sum(g.aligned for g in groups),
    )


_HEADER = ("split", "corpus", "lang", "utterances", "hours", "speakers", "text", "aligned")


def print_report(summary: Summary, console: Console) -> None:
    """The tables of the report, for people at a terminal."""
    table = Table(*_HEADER[:3], title="prepared", title_justify="left", box=SIMPLE_HEAD)
    for name in _HEADER[3:]:
        table.add_column(name, justify="right")
    for line in summary.lines():
        style = "bold" if line[1] == "all" else None
        table.add_row(*_cells(line), style=style)
    console.print(table)
    if summary.fault_counts:
        console.print(_fault_table(summary))
    size = summary.bytes / 1e6
    console.print(f"{sum(map(len, summary.shards.values()))} shards, {size:.0f} MB in", end=" ")
    console.print(str(summary.folder), highlight=False, soft_wrap=True)


def _fault_table(summary: Summary) -> Table:
    table = Table("fault", title="faults", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("count", justify="right")
    table.add_column("left out")
    table.add_column("for example", overflow="fold")
    for kind, count in summary.fault_counts.most_common():
        left_out = "yes" if KINDS[kind][1] else "kept"
        table.add_row(kind, str(count), left_out, summary.fault_names[kind][0])
    return table


def _cells(line: Line) -> list[str]:
    return [f"{value:.2f}" if isinstance(value, float) else str(value) for value in line]


def write_report(summary: Summary) -> None:
    """Write ``report.md`` and ``durations.png`` into the folder."""
    _plot(summary)
    rows = ["| " + " | ".join(_HEADER) + " |", "|---|---|---|" + "---:|" * 5]
    rows += ["| " + " | ".join(_cells(line)) + " |" for line in summary.lines()]
    text = ["# Prepared data", "", *rows, "", "![durations](durations.png)", ""]
    if "valid" not in summary.kept:
        text += ["No speaker fell into the validation split: raise --valid-fraction.", ""]
    text += ["## Faults", "", *_fault_lines(summary), ""]
    with replacing(summary.folder / "report.md") as partial:
        partial.write_text("\n".join(text), "utf-8")


def _fault_lines(summary: Summary) -> list[str]:
    if not summary.fault_counts:
        return ["None."]
    lines = ["Every one is named in `faults.jsonl`.", ""]
    for kind, count in summary.fault_counts.most_common():
        lines.append(f"- **{kind}**: {count} ({KINDS[kind][0]})")
        lines += [f"    - {name}" for name in summary.fault_names[kind]]
        if count > _NAMES_SHOWN:
            lines.append(f"    - and {count - _NAMES_SHOWN} more")
    return lines


def _plot(summary: Summary) -> None:
    figure_class: Any = require("matplotlib.figure", "data").Figure
    figure = figure_class(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    colours = {"train": "#3b6fb6", "valid": "#e08a2e"}
    last = max((max(h, default=0) for h in summary.histogram.values()), default=0)
    floor = [0] * (last + 1)
    edges = [HISTOGRAM_STEP * (step + 0.5) for step in range(last + 1)]
    for split, counts in sorted(summary.histogram.items()):
        heights = [counts[step] for step in range(last + 1)]
        label = f"{split}: {summary.kept[split]} utterances, {summary.seconds[split] / 3600:.2f} h"
        axes.bar(edges, heights, HISTOGRAM_STEP, floor, color=colours[split], label=label)
        floor = [a + b for a, b in zip(floor, heights, strict=True)]
    axes.set_xlabel("duration of an utterance, s")
    axes.set_ylabel(f"utterances per {HISTOGRAM_STEP:g} s")
    axes.margins(x=0.01)
    axes.set_ylim(0, 1.08 * max(*floor, 1))
    axes.spines[["top", "right"]].set_visible(False)
    if summary.histogram:
        axes.legend(frameon=False)
    with replacing(summary.folder / "durations.png") as partial:
        figure.savefig(partial, format="png", dpi=130)
