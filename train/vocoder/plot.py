"""``python -m train.vocoder.plot RUN... -o curves.png``: losses and scores of runs, over time."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from secousti.errors import SecoustiError, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = (
    ("scores.csv", "pesq", "PESQ-WB, held-out speakers"),
    ("scores.csv", "stoi", "STOI, held-out speakers"),
    ("losses.csv", "spectral", "multi-resolution STFT loss"),
    ("losses.csv", "mel", "log-mel L1, nats"),
)
_SMOOTH = 9  # logged losses averaged


def read_column(path: Path, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and finite values of one column of a run's CSV."""
    try:
        with path.open(newline="") as file:
            rows = [(int(row["step"]), float(row[column])) for row in csv.DictReader(file)]
    except FileNotFoundError:
        raise SecoustiError(f"{path.parent} holds no {path.name}; name folders of runs") from None
    points = np.array(rows, dtype=float).reshape(-1, 2)
    points = points[np.isfinite(points[:, 1])]
    return points[:, 0], points[:, 1]


def draw(axes: Axes, run: Path, file: str, column: str, label: str) -> None:
    """One run in one panel; losses as a running mean."""
    steps, values = read_column(run / file, column)
    if file == "losses.csv" and len(values) > _SMOOTH:
        kernel = np.ones(_SMOOTH) / _SMOOTH
        steps, values = steps[_SMOOTH - 1 :], np.convolve(values, kernel, mode="valid")
    axes.plot(steps, values, label=label, marker="o" if file == "scores.csv" else None, ms=3)


def plot(runs: list[Path], labels: list[str], output: Path) -> None:
    """Write a figure of all panels with one line per run."""
    require("matplotlib", "train").use("Agg")
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(2, 2, figsize=(10, 6.5), layout="constrained")
    for axes, (file, column, title) in zip(grid.flat, PANELS, strict=True):
        for run, label in zip(runs, labels, strict=True):
            draw(axes, run, file, column, label)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    grid.flat[0].legend(fontsize=8)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--labels", nargs="+", help="as many as runs; default: folder names")
    parser.add_argument("-o", "--output", type=Path, default=Path("curves.png"))
    args = parser.parse_args()
    labels = args.labels or [run.name for run in args.runs]
    try:
        if len(labels) != len(args.runs):
            raise SecoustiError(f"{len(args.runs)} runs but {len(labels)} labels")
        plot(args.runs, labels, args.output)
    except SecoustiError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
