"""One picture of a codec's stages: errors in the latent space, and what they do to the sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from secousti.atomic import replacing
from secousti.errors import require
from secousti.evaluation.p2psyn.classes import CLASSES

if TYPE_CHECKING:
    from secousti.evaluation.p2psyn.run import Analysis

_LINES = (
    ("dropped", "stage dropped", "#888888"),
    ("predicted", "argmax prediction", "#d1495b"),
    ("expected", "expected vector", "#edae49"),
    ("quantization", "teacher's token", "#00798c"),
)


def draw(analysis: Analysis, path: Path) -> None:
    """Latent errors by stage and class (bars), and the log-mel error of every mode, as a PNG."""
    figures: Any = require("matplotlib.figure", "eval")
    figure = figures.Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _latents(left, analysis)
    _modes(right, analysis)
    figure.suptitle(f"{analysis.model}: {analysis.recordings} recordings, 95 % intervals")
    with replacing(path) as partial:
        figure.savefig(partial, dpi=130, format="png")


def _latents(axis: Any, analysis: Analysis) -> None:
    stages = sorted({stage for _, stage, _ in analysis.stages})
    groups = [(kind, n) for kind in CLASSES[:4] for n in stages]
    width = 0.2
    for i, (name, label, colour) in enumerate(_LINES):
        values = [analysis.stages.get((kind, n, name)) for kind, n in groups]
        places = [g + (i - 1.5) * width for g, v in enumerate(values) if v is not None]
        known = [v for v in values if v is not None]
        errors = [[v.mean - v.low for v in known], [v.high - v.mean for v in known]]
        axis.bar(
            places, [v.mean for v in known], width, yerr=errors, label=label, color=colour,
            error_kw={"linewidth": 0.8},
        )  # fmt: skip
    axis.set_xticks(range(len(groups)), [f"{n}\n{k}" if n == stages[len(stages) // 2] else str(n)
                                         for k, n in groups])  # fmt: skip
    axis.set_ylabel("squared error of the latent")
    axis.set_xlabel("pseudo stage, by class of sound")
    axis.set_title("what is left of the latent after each stage")
    axis.legend(frameon=False, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _modes(axis: Any, analysis: Analysis) -> None:
    modes = [mode for mode, metric in analysis.ablation if metric == "logmel"][::-1]
    values = [analysis.ablation[mode, "logmel"] for mode in modes]
    errors = [[v.mean - v.low for v in values], [v.high - v.mean for v in values]]
    colours = ["#d1495b" if mode == "all" else "#6c8ebf" for mode in modes]
    axis.barh(modes, [v.mean for v in values], xerr=errors, color=colours)
    low = min(v.low for v in values)
    axis.set_xlim(left=max(0.0, 0.9 * low))
    axis.set_xlabel("log-mel error, nats (the axis does not start at 0)")
    axis.set_title("what stands in for the predictions")
    axis.spines[["top", "right"]].set_visible(False)
