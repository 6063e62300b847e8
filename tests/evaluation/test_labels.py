"""Names in a chart can be read: none lies on another, or on an error bar."""

from __future__ import annotations

import itertools

import pytest

from secousti.evaluation.report.draw import new_figure
from secousti.evaluation.report.labels import name_points, text_extent


def test_names_of_points_in_one_place_do_not_overlap() -> None:
    pytest.importorskip("matplotlib")
    figure = new_figure(7.5, 4.6)
    axes = figure.add_subplot()
    points = [(0.5, 1.11), (0.5, 1.09), (0.5, 1.07), (6.0, 1.8), (0.45, 1.1)]
    bars = [(x, y - 0.02, y + 0.02) for x, y in points]
    axes.set_xscale("log")
    axes.set_xlim(0.1, 8)
    axes.set_ylim(1, 2)
    labels = [(f"a codec of number {n}", point, "black") for n, point in enumerate(points)]
    placed = name_points(axes, labels, bars)
    figure.draw_without_rendering()
    extents = [text_extent(each) for each in placed]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(extents, 2))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in extents)
    for x, low, high in bars:
        (left, bottom), (_, top) = axes.transData.transform([(x, low), (x, high)])
        assert not any(
            box.x0 <= left <= box.x1 and box.y0 <= top and bottom <= box.y1 for box in extents
        )
