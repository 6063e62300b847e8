"""Names beside points that do not lie on one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

Label = tuple[str, tuple[float, float], str]  # text, the point in data coordinates, colour

_BESIDE = 8.0  # points to the right or left of the point
_STEP = 11.0  # points from line to line
_FARTHEST = 8  # lines above or below
_HALF_MARK = 3.0  # pixels
_LEADER = 12.0  # points away from which a line leads to the point


def name_points(
    axes: Axes, labels: Sequence[Label], bars: Sequence[tuple[float, float, float]] = ()
) -> list[Annotation]:
    """Write each label beside its point, moved up, down or to the other side until it is free.

    Call it when everything else is drawn and the axes' limits are final.

    Args:
        bars: x, lower and upper end of error bars, in data coordinates, which labels keep off.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # names move nothing any more
    taken = [_around(axes, *bar) for bar in bars]
    placed = []
    for text, point, ink in sorted(labels, key=lambda label: -label[1][1]):
        annotation = _free(axes, text, point, ink, taken)
        taken.append(text_extent(annotation).padded(1))
        placed.append(annotation)
    return placed


def text_extent(annotation: Annotation) -> Bbox:
    """Of the letters, in pixels; the line that leads to the point does not count."""
    from matplotlib.text import Text

    annotation.get_window_extent()  # finds its place
    return Text.get_window_extent(annotation)


def _around(axes: Axes, x: float, low: float, high: float) -> Bbox:
    from matplotlib.transforms import Bbox

    ends = axes.transData.transform([(x, low), (x, high)])
    return Bbox(ends).padded(_HALF_MARK)


def _free(
    axes: Axes, text: str, point: tuple[float, float], ink: str, taken: Sequence[Bbox]
) -> Annotation:
    """The label in the first place where it meets no other and stays in the picture."""
    tried = []
    for side, height in _places():
        annotation = _write(axes, text, point, ink, side, height)
        extent = text_extent(annotation)
        inside = axes.bbox.x0 <= extent.x0 and extent.x1 <= axes.bbox.x1
        if inside and not any(extent.overlaps(other) for other in taken):
            return annotation
        annotation.remove()
        tried.append((side, height))
    return _write(axes, text, point, ink, *tried[0])


def _places() -> Iterator[tuple[int, float]]:
    """Side (1: right, -1: left) and height in points, nearest first."""
    for lines in range(_FARTHEST):
        for side in (1, -1):
            yield side, 4 + lines * _STEP
            yield side, 4 - (lines + 1) * _STEP


def _write(
    axes: Axes, text: str, point: tuple[float, float], ink: str, side: int, height: float
) -> Annotation:
    leader = {"arrowstyle": "-", "color": ink, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2}
    leader |= {"relpos": (0.0 if side > 0 else 1.0, 0.5)}  # from the nearer end of the text
    return axes.annotate(
        text,
        point,
        xytext=(side * _BESIDE, height),
        textcoords="offset points",
        ha="left" if side > 0 else "right",
        fontsize=8,
        color=ink,
        arrowprops=leader if abs(height) > _LEADER else None,
    )
