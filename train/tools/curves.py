"""Pictures of a run and of its plan.

python -m train.curves RUN... -o curves.png     losses and validation of runs' metrics.csv
python -m train.curves CONFIG.yaml -o plan.png  what each loss weighs at each step
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from secousti.atomic import replacing
from secousti.errors import SecoustiError, require
from train.codec.config import OptimConfig, load
from train.codec.schedule import Schedule
from train.engine.command import make_app, one_sentence
from train.engine.optim import rate

Series = dict[str, tuple[list[int], list[float]]]

_PANELS = (
    ("training loss", ("train/mel", "train/token_mel", "train/acoustic", "train/spectral"), "log"),
    ("contrastive loss (nats)", ("train/contrastive",), "linear"),
    ("cross-entropy (nats)", ("train/loss1", "train/loss2", "train/loss3"), "linear"),
    ("validation: mel error", ("valid/mel", "valid/token_mel", "valid/mel_l1"), "log"),
    ("validation: accuracy, residual", ("valid/phoneme_accuracy", "valid/residual"), "linear"),
    ("validation: latent error", ("valid/latent_error", "valid/dropped_error"), "linear"),
    ("validation: PESQ-WB", ("valid/pesq",), "linear"),
    ("validation: STOI", ("valid/stoi",), "linear"),
    ("equal error rate", ("valid/equal_error_rate",), "linear"),
)
_DASHES = ("-", "--", ":", "-.")
app = make_app()


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


def draw_runs(runs: Sequence[Path], labels: Sequence[str], output: Path) -> None:
    """Losses and validation metrics of runs over steps, as a picture.

    Raises:
        SecoustiError: a run without metrics, or none that is drawn.
    """
    found = {
        label: read_metrics(run / "metrics.csv") for run, label in zip(runs, labels, strict=True)
    }
    panels = [panel for panel in _PANELS if any(n in s for n in panel[1] for s in found.values())]
    if not panels:
        raise SecoustiError(f"{runs[0]} has logged nothing yet that could be drawn")
    rows = -(-len(panels) // 2)
    figure, axes = _figure(rows, 2, (10 if len(found) == 1 else 14, 3 * rows))
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for axis, (title, names, scale) in zip(axes.flat, panels, strict=False):
        _draw_panel(axis, found, names)
        axis.set(title=title, xlabel="step", yscale=scale)
    _save(figure, output)


def _draw_panel(axis: Any, found: dict[str, Series], names: Sequence[str]) -> None:
    """Lines of the names that runs have: of several runs each has a colour, each name a dash."""
    several = len(found) > 1
    for number, (label, series) in enumerate(found.items()):
        for dash, name in zip(_DASHES, names, strict=False):
            if name in series:
                shown, style = name.split("/")[1], {}
                if several:
                    shown, style = f"{label}: {shown}", {"color": f"C{number}", "linestyle": dash}
                axis.plot(*series[name], label=shown, linewidth=1.2, **style)
    beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if several else {}
    axis.legend(frameon=False, **beside)


def draw_plan(schedule: Schedule, optim: OptimConfig, output: Path) -> None:
    """The weight of every loss and the learning rate over steps."""
    figure, axes = _figure(2, 1, (9, 5))
    axes = axes[:, 0]
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
    rates = [_rate(optim, schedule, step) for step in steps]
    axes[1].plot(steps, rates)
    axes[1].set_title("learning rate")
    for axis in axes:
        axis.set_xlabel("step")
        for stage in schedule.stages[1:]:
            axis.axvline(stage.first_step, color="grey", linestyle=":")
    _save(figure, output)


def _rate(optim: OptimConfig, schedule: Schedule, step: int) -> float:
    stage = schedule.stage(step)
    return rate(optim, step - stage.first_step, stage.steps)


def _figure(rows: int, columns: int, size: tuple[int, int]) -> tuple[Any, Any]:
    require("matplotlib", "data")
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    with_grid: Any = {"axes.grid": True, "grid.alpha": 0.3, "font.size": 9}
    rcParams.update(with_grid)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(figure: Any, output: Path) -> None:
    with replacing(output) as partial:
        figure.savefig(partial, dpi=110, format=output.suffix[1:] or "png")


@app.command()
def main(
    sources: Annotated[list[Path], typer.Argument(help="folders of runs, or a configuration")],
    output: Annotated[Path, typer.Option("-o", "--output", help="the picture")],
) -> None:
    """Draw the curves of runs, or a configuration's plan."""
    with one_sentence():
        if sources[0].suffix == ".yaml":
            training = load(sources[0]).training
            draw_plan(Schedule(training.schedule), training.optim, output)
        else:
            draw_runs(sources, [source.name for source in sources], output)


if __name__ == "__main__":
    app()
