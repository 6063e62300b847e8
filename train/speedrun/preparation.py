"""What is decoded and aligned before training: no more than fits into a share of the budget."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from data_prep.alignment.command import Options, Report, align_manifest
from data_prep.alignment.sources import Source
from data_prep.division import Recordings
from data_prep.languages import has_phonemes
from data_prep.manifest import Row, read_manifest, write_manifest
from secousti.errors import SecoustiError
from train.budget.ledger import Ledger
from train.data.decode import decode

_TIMED = 16  # recordings that are decoded to know how long all will take
_LEAST_DECODED = 64  # recordings, however short the time
_LEAST_ALIGNED = 16
_RATE = 22050  # Hz, of the timing; nearly all of a decoder's time goes to reading


@dataclass(frozen=True)
class Preparation:
    """How much of the budget goes to what comes before training.

    Attributes:
        decoding: share of the budget for decoding recordings; alignment: for aligning them.
        aligner: ``--source`` of ``data_prep align`` for recordings without times.
        seed: of the draw, where not everything fits.
    """

    decoding: float = 0.1
    alignment: float = 0.1
    aligner: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.decoding < 1 or not 0 <= self.alignment < 1:
            raise SecoustiError("preparation.decoding and preparation.alignment are shares of 1")
        if self.aligner not in get_args(Source):
            known = ", ".join(get_args(Source))
            raise SecoustiError(f"preparation.aligner is {self.aligner!r}; it is one of {known}")


def drawn(rows: Sequence[Row], seed: int) -> list[Row]:
    """All rows in an order whose beginning is a fair draw: speakers take turns, each at random."""
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    turns: Counter[str] = Counter()
    placed = []
    for row in shuffled:
        placed.append((turns[row.speaker], row))
        turns[row.speaker] += 1
    return [row for _, row in sorted(placed, key=lambda pair: pair[0])]


def decodable(recordings: Recordings, wanted: Preparation, ledger: Ledger) -> Recordings:
    """``recordings``, or as many of them as can be decoded in their share of the time.

    A few are decoded to know how long all would take. A job that goes on keeps its choice.
    """
    if "draw" not in ledger.done:
        with ledger.part("draw") as note:
            rows = drawn(list(read_manifest(recordings.train)), wanted.seed)
            fitting = 60 * ledger.minutes * wanted.decoding / _seconds_of_decoding(rows, recordings)
            chosen = _first_seconds(rows, fitting)
            if len(chosen) < len(rows):
                target = Path(recordings.train).with_suffix(".drawn.jsonl")
                write_manifest(target, chosen)
                note |= {"train": str(target), "seconds": sum(row.duration for row in chosen)}
                note["texts"] = sum(bool(row.text or row.phones) for row in chosen)
    found = ledger.done["draw"]
    if found:
        print(
            f"{found['seconds'] / 60:.1f} min of them are used: decoding more would take more than "
            f"{wanted.decoding:.0%} of the time",
            flush=True,
        )
    return replace(recordings, **found)


def aligned(recordings: Recordings, wanted: Preparation, ledger: Ledger) -> list[str]:
    """Manifests with timed phonemes; none where nothing has a text.

    Recordings whose manifest has times keep them; others are aligned in the order of ``drawn``
    until their share of the time is over.
    """
    if "alignment" not in ledger.done:
        spent = ledger.spent.get("alignment", 0.0)
        with ledger.part("alignment") as note:
            note |= _align(recordings, wanted, 60 * ledger.minutes * wanted.alignment - spent)
    found = ledger.done["alignment"]
    print(about(found), flush=True)
    return [counts["manifest"] for counts in found.values()]


def about(found: dict[str, Any]) -> str:
    """What was aligned, for people. ``found``: the note of the ledger's part ``alignment``."""
    if not found:
        return "no recording has a text: nothing to align, no contrastive loss"
    lines = []
    if own := found.get("own"):
        lines.append(f"{own['aligned']} recordings came with times")
    if new := found.get("drawn"):
        line = f"{new['aligned']} of {new['of']} recordings with a text aligned"
        if new["rows"] < new["of"]:
            line += (
                f" (what fits into {new['share']:.0%} of the time, drawn over {new['speakers']} "
                "speakers); the others train what needs no phonemes"
            )
        if new["rows"] > new["aligned"]:
            line += f"; {new['rows'] - new['aligned']} could not be, most often: {new['fault']}"
        lines.append(line)
    return "; ".join(lines)


def _align(recordings: Recordings, wanted: Preparation, seconds: float) -> dict[str, Any]:
    """Counts and manifest of the recordings that came with times, and of those drawn."""
    until = time.monotonic() + seconds
    paths = [Path(recordings.train), Path(recordings.valid)]
    rows = [row for path in paths for row in read_manifest(path)]
    own = [row for row in rows if row.phones]
    others = [row for row in rows if not row.phones and _has_words(row)]
    folder, found = paths[1].parent, {}
    if own:
        report, manifest = _write(folder / "own.jsonl", own, Options("own", None, None, 0.0), None)
        found["own"] = {"aligned": report.aligned, "rows": report.rows, "manifest": manifest}
    if others and wanted.alignment > 0:
        options = Options(wanted.aligner, None, None, 0.0)
        others = drawn(others, wanted.seed)
        report, manifest = _write(folder / "drawn.jsonl", others, options, until)
        found["drawn"] = {
            "aligned": report.aligned,
            "rows": report.rows,
            "of": len(others),
            "speakers": len({row.speaker for row in others}),
            "share": wanted.alignment,
            "fault": next(iter(dict(report.faults.most_common(1))), ""),
            "manifest": manifest,
        }
    return found


def _write(
    path: Path, rows: list[Row], options: Options, until: float | None
) -> tuple[Report, str]:
    """Align ``rows`` by way of a manifest; the report, and where the result is."""
    write_manifest(path, rows)
    target = path.with_suffix(".aligned.jsonl")
    workers = 1 if options.source == "own" else len(os.sched_getaffinity(0))
    report = align_manifest(path, target, options, workers, until, _LEAST_ALIGNED)
    return report, str(target.resolve())


def _has_words(row: Row) -> bool:
    return has_phonemes(row.language) and bool(row.text or row.pronunciation)


def _seconds_of_decoding(rows: Sequence[Row], recordings: Recordings) -> float:
    """For a second of speech, on all cores."""
    root, few = Path(recordings.train).parent, rows[:_TIMED]
    start = time.monotonic()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda row: decode(row.audio_path(root), _RATE, row.piece), few))
    return (time.monotonic() - start) / max(sum(row.duration for row in few), 1e-6)


def _first_seconds(rows: Sequence[Row], seconds: float) -> list[Row]:
    """The first rows that last so long together, but a few at least."""
    chosen: list[Row] = []
    for row in rows:
        if seconds <= 0 and len(chosen) >= _LEAST_DECODED:
            break
        chosen.append(row)
        seconds -= row.duration
    return chosen
