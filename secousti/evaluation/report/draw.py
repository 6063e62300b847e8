"""What all pictures share: colours, clean axes, and saving without half-written files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secousti.atomic import replacing
from secousti.errors import require
from secousti.evaluation.audio import Audio

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#555555")
GREY = "#8a8f98"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in inches, without pyplot's global state."""
    require("matplotlib", "eval")
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def tidy(axes: Axes, grid: str = "y") -> None:
    """Two spines, a light grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=bool(grid), axis=grid or "y", color="#e4e6ea", linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def colour(index: int) -> str:
    """The colour of the n-th codec."""
    return COLOURS[index % len(COLOURS)]


def save(figure: Figure, path: Path) -> Path:
    """Write a PNG at 150 dots an inch."""

    with replacing(path) as name:
        figure.savefig(name, dpi=150, format="png")
    return path


def log_spectrogram(audio: Audio, rate: int = 16000) -> NDArray[np.float64]:
    """Power in dB ``[513, frames]``, Hann 1024, hop 128, of the audio at ``rate``."""
    from secousti.evaluation.metrics.distortion import power_spectrogram

    power = power_spectrogram(audio.at(rate), 1024, 128)
    return 10 * np.log10(np.maximum(power, 1e-10)).T


def show_spectrogram(axes: Axes, audio: Audio, rate: int = 16000, floor: float = 75.0) -> Any:
    """A spectrogram from the loudest bin down by ``floor`` dB, frequency in kHz."""
    decibels = log_spectrogram(audio, rate)
    top = float(decibels.max())
    return axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=top - floor,
        vmax=top,
        extent=(0, audio.duration, 0, rate / 2000),
    )
