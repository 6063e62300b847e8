"""The task ``probes``: every model's S, G and A against speaker, emotion and phoneme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError
from secousti.evaluation.cache import write_atomically, write_json
from secousti.evaluation.codecs.ours import Secousti
from secousti.evaluation.datasets import Utterance, load_dataset
from secousti.evaluation.probes import (
    MOST_FRAMES,
    SILENCES,
    Probe,
    Representation,
    frame_features,
    frame_labels,
    linear_probe,
    nearest_phoneme,
    represent,
    split_utterances,
    utterance_features,
)
from secousti.evaluation.report.draw import new_figure, save
from secousti.evaluation.report.table import Table
from secousti.evaluation.report.text import markdown_table
from secousti.evaluation.suite import Suite
from secousti.evaluation.worker import build_codec

PARTS = {
    "S": "S, the tokens",
    "G": "G, the global vector",
    "A": "A, the acoustic embedding",
}


@dataclass
class ProbeReport:
    """What one model's representations know.

    Attributes:
        probes: label kind -> part (S, G, A) -> probe.
        retrieval: part -> share of frames whose nearest phoneme is the right one.
        skipped: label kind -> why it could not be probed.
    """

    model: str
    probes: dict[str, dict[str, Probe]] = field(default_factory=dict)
    retrieval: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def run_probes(
    suite: Suite, out: Path, *, device: str, tick: Callable[[], None]
) -> list[ProbeReport]:
    """Probe every SecoustiCodec of the suite; write ``probes.json``, ``.md`` and one picture each.

    Raises:
        SecoustiError: no codec of the suite has S, G and A.
    """
    utterances = load_dataset(suite.data)
    reports, reasons = [], []
    for spec in suite.codecs:
        adapter = build_codec(spec, device)
        try:
            codec = _opened(adapter)
        except SecoustiError as reason:
            reasons.append(f"{adapter.name}: {reason}")
            continue
        representations = []
        for utterance in utterances:
            representations.append(represent(codec, utterance))
            tick()
        reports.append(probe_all(adapter.name, utterances, representations))
    if not reports:
        raise SecoustiError("nothing to probe: " + "; ".join(reasons))
    _write(suite, reports, out)
    return reports


def _opened(adapter: Any) -> Any:
    if not isinstance(adapter, Secousti):
        raise SecoustiError("has no S, G and A to probe")
    adapter.check()
    if adapter.inner.kind != "secousti":
        raise SecoustiError("has no S, G and A to probe")
    return adapter.inner


def probe_all(
    model: str, utterances: list[Utterance], representations: list[Representation]
) -> ProbeReport:
    """All probes that the labels at hand allow."""
    report = ProbeReport(model)
    whole = utterance_features(representations)
    for kind, labels in (
        ("speaker", [u.speaker for u in utterances]),
        ("emotion", [u.emotion or "" for u in utterances]),
    ):
        _probe(report, kind, whole, labels, split_utterances(labels))
    _probe_phonemes(report, utterances, representations)
    return report


def _probe(
    report: ProbeReport,
    kind: str,
    features: dict[str, NDArray[np.float64]],
    labels: list[str],
    train: NDArray[np.bool_],
) -> None:
    known = np.array([bool(label) for label in labels])
    if not known.any():
        report.skipped[kind] = f"no recording has a label for {kind}"
        return
    kept = [label for label in labels if label]
    try:
        report.probes[kind] = {
            part: linear_probe(values[known], kept, train[known])
            for part, values in features.items()
        }
    except SecoustiError as reason:
        report.skipped[kind] = str(reason)


def _probe_phonemes(
    report: ProbeReport, utterances: list[Utterance], representations: list[Representation]
) -> None:
    pairs = list(zip(utterances, representations, strict=True))
    labels = [label for u, r in pairs for label in frame_labels(u, r)]
    if not any(label not in SILENCES for label in labels):
        report.skipped["phoneme"] = (
            "no recording has timed phonemes: make a manifest that has with "
            "'python -m data_prep align' and name it with --data"
        )
        return
    owner = np.repeat(np.arange(len(pairs)), [len(r.semantic) for r in representations])
    train_utterances = np.random.default_rng(0).permutation(len(pairs)) % 2 == 0
    spoken = np.flatnonzero([label not in SILENCES for label in labels])
    chosen = np.sort(np.random.default_rng(0).permutation(spoken)[:MOST_FRAMES])
    features = {part: v[chosen] for part, v in frame_features(representations).items()}
    kept = [labels[index] for index in chosen]
    train = train_utterances[owner[chosen]]
    _probe(report, "phoneme", features, kept, train)
    if "phoneme" in report.probes:
        report.retrieval = {p: nearest_phoneme(features[p], kept, train) for p in ("S", "A")}


def probe_table(report: ProbeReport) -> Table:
    """Accuracy and bits of every part and label."""
    headings = ["part", *(f"{kind}: accuracy (chance), bits" for kind in report.probes)]
    headings += ["nearest phoneme"] if report.retrieval else []
    rows = []
    for part, title in PARTS.items():
        cells = [title]
        for probes in report.probes.values():
            p = probes[part]
            cells.append(
                f"{100 * p.accuracy:.1f} % ({100 * p.chance:.1f} %), "
                f"{p.bits:.2f} of {p.entropy:.2f}"
            )
        if report.retrieval:
            share = report.retrieval.get(part)
            cells.append("" if share is None else f"{100 * share:.1f} %")
        rows.append(cells)
    return Table(report.model, headings, rows, [False] * len(rows))


def draw_probes(report: ProbeReport, path: Path) -> Path:
    """One picture: how much of each label's entropy a linear probe finds in S, G and A."""
    kinds = list(report.probes)
    shares = np.array(
        [[report.probes[k][p].bits / report.probes[k][p].entropy for k in kinds] for p in PARTS]
    )
    figure = new_figure(2.4 + 1.5 * len(kinds), 3.1)
    axes = figure.add_subplot()
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, part in enumerate(PARTS):
        for column, kind in enumerate(kinds):
            ink = "white" if shares[row, column] > 0.55 else "#222222"
            accuracy = 100 * report.probes[kind][part].accuracy
            text = f"{100 * shares[row, column]:.0f} %\n{accuracy:.0f} % right"
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=9)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set_yticks(range(len(PARTS)), list(PARTS.values()))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{report.model}: share of the label's entropy found", fontsize=10, loc="left")
    figure.colorbar(shown, ax=axes, shrink=0.9)
    return save(figure, path)


def _write(suite: Suite, reports: list[ProbeReport], out: Path) -> None:
    parts = [f"# {suite.title}"]
    for report in reports:
        parts.append(f"## {report.model}\n\n{markdown_table(probe_table(report))}")
        if report.probes:
            name = f"probes-{report.model}.png"
            draw_probes(report, out / name)
            parts.append(f"![probes]({name})")
        parts += [f"- {kind} was skipped: {reason}" for kind, reason in report.skipped.items()]
    text = "\n\n".join(parts) + "\n"

    def write(name: Path) -> None:
        name.write_text(text, encoding="utf-8")

    write_atomically(out / "probes.md", write)
    write_json(out / "probes.json", [asdict(report) for report in reports])
