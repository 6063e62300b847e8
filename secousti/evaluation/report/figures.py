"""Pictures of a report: quality against bitrate, speakers, codebooks, spectrograms."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from secousti.errors import SecoustiError
from secousti.evaluation.audio import read_audio
from secousti.evaluation.report.draw import (
    GREY,
    colour,
    new_figure,
    save,
    show_spectrogram,
    tidy,
)
from secousti.evaluation.report.labels import Label, name_points
from secousti.evaluation.report.summary import Column, Row, Summary, read_streams
from secousti.evaluation.report.table import quoted_rows
from secousti.evaluation.tokens import token_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def coded_rows(summary: Summary) -> list[tuple[int, Row]]:
    """Rows that send something, with their colour's number."""
    return [(k, row) for k, row in enumerate(summary.rows) if row.bitrate and row.info.sample_rate]


def quality_bitrate(summary: Summary) -> Figure | None:
    """The first metric against kbit/s, circles as large as tokens a second (Fig. 1).

    A paper's own rows are hollow.
    """
    if not summary.columns:
        return None
    first = summary.columns[0]
    figure = new_figure(7.5, 4.6)
    axes = figure.add_subplot()
    labels: list[Label] = []
    for said in quoted_rows(summary):
        if said.get("bitrate") and said.get(first.name) is not None:
            size = _area(said.get("tokens_per_second"))
            point = (said["bitrate"] / 1000, said[first.name])
            axes.scatter(*point, s=size, facecolors="none", edgecolors=GREY, linewidths=1.2)
            labels.append((f"{said['codec']} †", point, GREY))
    for index, row in coded_rows(summary):
        if row.estimates[first.name].count:
            labels.append((row.label, _draw_point(axes, row, first, index), colour(index)))
    axes.set_xscale("log")
    axes.margins(x=0.16, y=0.14)
    low, high = axes.get_xlim()
    ticks = [2.0**k for k in range(-4, 9) if low <= 2.0**k <= high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("tokens, kbit/s (circles: tokens a second; crosses: codecs without tokens)")
    axes.set_ylabel(first.heading)
    tidy(axes, "both")
    found = [(row.bitrate / 1000, row.estimates[first.name]) for _, row in coded_rows(summary)]
    name_points(axes, labels, [(rate, one.low, one.high) for rate, one in found if one.count])
    return figure


def _draw_point(axes: Axes, row: Row, column: Column, index: int) -> tuple[float, float]:
    """A codec with its interval; where it is."""
    found = row.estimates[column.name]
    rate = row.bitrate / 1000
    errors = [[found.mean - found.low], [found.high - found.mean]]
    axes.errorbar(rate, found.mean, yerr=errors, color=colour(index), linewidth=1.4, capsize=3)
    if row.tokens_per_second:
        size = _area(row.tokens_per_second)
        axes.scatter(rate, found.mean, s=size, color=colour(index), alpha=0.65, linewidths=0)
    else:
        axes.scatter(rate, found.mean, s=50, color=colour(index), marker="X", linewidths=0)
    return rate, found.mean


def _area(tokens_per_second: float | None) -> float:
    return 25 + 1.6 * float(tokens_per_second or 0)


def speakers(summary: Summary) -> Figure | None:
    """Each dot one speaker's mean under the first metric; the bar is the mean of all."""
    if not summary.columns:
        return None
    first = summary.columns[0]
    rows = [(k, row) for k, row in enumerate(summary.rows) if _varies(row, first.name)]
    if not rows:
        return None
    figure = new_figure(1.2 + 1.15 * max(4, len(rows)), 4.2)
    axes = figure.add_subplot()
    rng = np.random.default_rng(0)
    for place, (index, row) in enumerate(rows):
        means = _by_speaker(summary, row.info.name, first.name)
        spread = rng.uniform(-0.18, 0.18, len(means))
        axes.scatter(place + spread, means, s=20, color=colour(index), alpha=0.6, linewidths=0)
        axes.hlines(row.estimates[first.name].mean, place - 0.3, place + 0.3, colors="#222222")
    # Words and parts of hyphenated names go below each other before neighbours touch.
    axes.set_xticks(range(len(rows)), [textwrap.fill(row.label, 12) for _, row in rows])
    axes.tick_params(axis="x", length=0, labelsize=9)
    axes.set_ylabel(first.heading)
    tidy(axes)
    return figure


def _varies(row: Row, metric: str) -> bool:
    """Whether there is anything to see: the reference against itself is one flat line."""
    found = row.estimates[metric]
    return found.count > 1 and found.high - found.low > 1e-6


def _by_speaker(summary: Summary, codec: str, metric: str) -> list[float]:
    values: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for record in summary.records:
        if record.codec == codec and metric in record.scores:
            values[record.speaker].append(record.scores[metric])
    return [
        sum(value * weight for value, weight in own) / sum(weight for _, weight in own)
        for own in values.values()
    ]


def codebook(summary: Summary) -> Figure | None:
    """Share of every id, commonest first (Fig. 4): a long tail falls early, even use is flat."""
    rows = [(index, row) for index, row in coded_rows(summary) if row.tokens]
    if not rows:
        return None
    figure = new_figure(7.5, 4.2)
    axes = figure.add_subplot()
    for index, row in rows:
        done = [r for r in summary.records if r.codec == row.info.name and not r.error]
        size = row.info.codebook_sizes[0]
        counts = np.sort(token_counts([read_streams(r)[0] for r in done], size))[::-1]
        shares = 100 * counts[counts > 0] / counts.sum()
        label = f"{row.label}: {100 * row.tokens[0].utilisation:.1f} % of {size} used"
        axes.plot(np.arange(1, len(shares) + 1), shares, color=colour(index), label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("id of the first codebook, commonest first")
    axes.set_ylabel("share of tokens (%)")
    axes.legend(frameon=False, fontsize=8)
    tidy(axes, "both")
    return figure


def spectrograms(summary: Summary) -> Figure | None:
    """One utterance through every codec, up to 8 kHz: the one of middling length."""
    done = [record for record in summary.records if not record.error]
    if not done:
        return None
    lengths = {record.utterance: record.seconds for record in done}
    chosen = sorted(lengths, key=lambda name: (lengths[name], name))[len(lengths) // 2]
    records = {r.codec: r for r in done if r.utterance == chosen}
    rows = [row for row in summary.rows if row.info.name in records]
    figure = new_figure(8.0, 1.25 * len(rows) + 0.4)
    plots = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    for axes, row in zip(plots, rows, strict=True):
        show_spectrogram(axes, read_audio(Path(records[row.info.name].audio)))
        axes.set_ylabel("kHz", fontsize=8)
        axes.set_yticks([0, 4, 8])
        axes.tick_params(labelsize=8)
        axes.set_title(row.label, fontsize=9, loc="left", pad=3)
    plots[-1].set_xlabel(f"seconds of {chosen}", fontsize=8)
    return figure


FIGURES: dict[str, Callable[[Summary], Figure | None]] = {
    "quality_bitrate": quality_bitrate,
    "speakers": speakers,
    "codebook": codebook,
    "spectrograms": spectrograms,
}

CAPTIONS = {
    "quality_bitrate": "Quality against the bits of tokens, with 95 % intervals. A circle's area "
    "is its tokens a second; a hollow one is a paper's own figure.",
    "speakers": "Every dot is the mean of one speaker's recordings, the line that of all speakers.",
    "codebook": "How often each id occurs, commonest first: where all are used alike, the line is "
    "flat and falls late.",
    "spectrograms": "The recording of middling length through every codec, up to 8 kHz.",
    "curves": "Training and validation, over the steps of each phase.",
}


def draw_figures(summary: Summary, names: tuple[str, ...], folder: Path) -> list[Path]:
    """Draw the named pictures as PNG files in ``folder``; those without data are left out.

    Raises:
        SecoustiError: a name is unknown.
    """
    paths = []
    for name in names:
        if name not in FIGURES:
            raise SecoustiError(f"unknown figure '{name}'; known: {', '.join(FIGURES)}")
        figure = FIGURES[name](summary)
        if figure is not None:
            paths.append(save(figure, folder / f"{name}.png"))
    return paths
