"""Pictures of a run and of its plan.

python -m train.curves RUN -o curves.png        losses and validation of a run's metrics.csv
python -m train.curves CONFIG.yaml -o plan.png  what each loss weighs at each step
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import typer

from secousti.errors import SecoustiError, require
from train.config import OptimConfig, load
from train.optim import learning_rate
from train.schedule import Schedule

Series = dict[str, tuple[list[int], list[float]]]

_PANELS = (
    ("training loss", ("train/mel", "train/token_mel", "train/acoustic")),
    ("contrastive loss (nats)", ("train/contrastive",)),
    ("validation: mel MSE", ("valid/mel", "valid/token_mel")),
    ("validation: accuracy, residual", ("valid/phoneme_accuracy", "valid/residual")),
)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def read_metrics(path: Path) -> Series:
    """Steps and values of each name in a ``metrics.csv``.

    Raises:
        SecoustiError: there is none.
    """
    if not path.is_file():
        raise SecoustiError(f"{path} does not exist; name the output folder of a training run")
    series: Series = defaultdict(lambda: ([], []))
    with path.open(newline="", encoding="utf-8") as file:
        for step, name, value in list(csv.reader(file))[1:]:
            series[name][0].append(int(step))
            series[name][1].append(float(value))
    return series


def draw_run(series: Series, output: Path) -> None:
    """Losses and validation metrics over steps, as a picture."""
    figure, axes = _figure(2, 2, (10, 6))
    for axis, (title, names) in zip(axes.flat, _PANELS, strict=True):
        for name in names:
            if name in series:
                axis.plot(*series[name], label=name.split("/")[1], linewidth=1.2)
        axis.set_title(title)
        axis.set_xlabel("step")
        positive = "MSE" in title or "training" in title
        axis.set_yscale("log" if positive else "linear")
        if axis.lines:
            axis.legend(frameon=False)
    _save(figure, output)


def draw_plan(schedule: Schedule, optim: OptimConfig, output: Path) -> None:
    """The weight of every loss and the learning rate over steps."""
    figure, axes = _figure(2, 1, (9, 5))
    last = schedule.config.total_steps
    shown = min(last, round(4 * schedule.config.stage1_end)) or last
    steps = sorted({1 + round(i * (shown - 1) / 800) for i in range(801)})
    weights: Series = defaultdict(lambda: ([], []))
    for step in steps:
        for name, weight in schedule.at(step).weights.items():
            weights[name][0].append(step)
            weights[name][1].append(weight)
    for n, (name, (x, y)) in enumerate(weights.items()):  # dashes let equal weights show through
        axes[0].plot(x, y, label=name, linewidth=2, linestyle=(4 * n, (6, 4 * (n % 3))))
    axes[0].set_yscale("log")
    axes[0].set_title("weight of each loss (Algorithm 1)")
    axes[0].legend(frameon=False, ncols=2, fontsize=8)
    rates = [learning_rate(optim, schedule.stage(step), step) for step in steps]
    axes[1].plot(steps, rates)
    axes[1].set_title("learning rate")
    for axis in axes:
        axis.set_xlabel("step")
        for stage in schedule.stages[1:]:
            axis.axvline(stage.first_step, color="grey", linestyle=":")
    _save(figure, output)


def _figure(rows: int, columns: int, size: tuple[int, int]) -> tuple[Any, Any]:
    require("matplotlib", "data")
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    with_grid = {"axes.grid": True, "grid.alpha": 0.3, "font.size": 9}
    rcParams.update(with_grid)
    return figure, figure.subplots(rows, columns)


def _save(figure: Any, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.part")
    figure.savefig(partial, dpi=110, format=output.suffix[1:] or "png")
    partial.replace(output)


@app.command()
def main(
    source: Annotated[Path, typer.Argument(help="a run's folder, or a configuration")],
    output: Annotated[Path, typer.Option("-o", "--output", help="the picture")],
) -> None:
    """Draw a run's curves, or a configuration's plan."""
    try:
        if source.suffix == ".yaml":
            training = load(source).training
            draw_plan(Schedule(training.schedule), training.optim, output)
        else:
            draw_run(read_metrics(source / "metrics.csv"), output)
    except SecoustiError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    app()
