"""How much worse codecs are on strangers than on validation speech: docs/images/eval-gap.png.

python docs/draw_gap.py VALIDATION_REPORT UNSEEN_REPORT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from secousti.evaluation.report.draw import new_figure, save

DOCS = Path(__file__).parent
METRICS = ("pesq", "stoi", "dnsmos", "speaker_similarity")
SEEN, UNSEEN = "#9aa5b1", "#1f6fb2"


def read(folder: str) -> dict[str, Any]:
    """A report."""
    document: dict[str, Any] = json.loads((Path(folder) / "report.json").read_text("utf-8"))
    return document


def main(validation: str, unseen: str) -> None:
    """One panel a metric, one line a codec: validation speech and strangers with 95 % intervals."""
    reports = read(validation), read(unseen)
    labels = {c["name"]: c["label"] for c in reports[0]["columns"]}
    rows = [{r["info"]["label"]: r["estimates"] for r in d["codecs"]} for d in reports]
    names = [n for n in rows[0] if n in rows[1] and n != "reference"][::-1]
    figure = new_figure(10.5, 0.9 + 0.34 * len(names))
    for k, metric in enumerate(METRICS):
        axes = figure.add_subplot(1, len(METRICS), k + 1)
        for colour, found, shift in ((SEEN, rows[0], 0.16), (UNSEEN, rows[1], -0.16)):
            for y, name in enumerate(names):
                e = found[name][metric]
                axes.plot([e["low"], e["high"]], [y + shift] * 2, color=colour, lw=1.6)
                axes.plot(e["mean"], y + shift, "o", color=colour, ms=4.5)
        axes.set_yticks(range(len(names)), names if k == 0 else [""] * len(names))
        axes.set_title(labels[metric], fontsize=10, loc="left")
        axes.grid(axis="x", color="#e3e6ea", lw=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
    texts = [f"{d['utterances']} recordings of {d['speakers']} speakers" for d in reports]
    figure.suptitle(
        f"grey: validation speech ({texts[0]});  blue: strangers ({texts[1]})",
        fontsize=10,
        x=0.01,
        ha="left",
    )
    picture = save(figure, DOCS / "images" / "eval-gap.png")
    with Image.open(picture) as drawn:
        few = drawn.convert("RGB").quantize(128)
    few.save(picture, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
