"""Codecs side by side on held-out recordings: a report, its table and sounds to listen to."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from secousti.errors import SecoustiError
from secousti.evaluation.datasets import DataConfig
from secousti.evaluation.evaluate import evaluate
from secousti.evaluation.report.summary import Summary
from secousti.evaluation.suite import Suite

METRICS = ("mel_l1", "stoi", "pesq")
UTTERANCES = 16
_HEARD = 4  # utterances whose sounds are kept as files


def compare(
    codecs: Mapping[str, str],
    manifest: str,
    folder: Path,
    title: str,
    about: str = "",
    metrics: tuple[str, ...] = METRICS,
) -> Summary:
    """Score codecs on at most 16 recordings; ``folder`` gets ``report.html`` and ``sounds``.

    What was coded and scored before is not done again.

    Args:
        codecs: name or folder by its heading in the report.

    Raises:
        SecoustiError: what ``secousti.evaluation`` raises, or a folder's name with a comma.
    """
    suite = Suite(
        title=title,
        about=about,
        data=DataConfig(manifest, kind="manifest", limit=UTTERANCES),
        codecs=("reference", *(_spec(label, name) for label, name in codecs.items())),
        metrics=metrics,
        figures=(),
        examples=_HEARD,
    )
    summary = evaluate(suite, folder, cache=folder / "cache")
    _keep_sounds(summary, folder / "sounds")
    return summary


def means(summary: Summary) -> dict[str, dict[str, float]]:
    """Mean of each metric, by codec and metric."""
    return {
        row.info.name: {name: found.mean for name, found in row.estimates.items()}
        for row in summary.rows
    }


def _spec(label: str, name: str) -> str:
    if "," in name:
        raise SecoustiError(
            f"the folder {name!r} has a comma in its name, which no report can name"
        )
    return f"secousti:model={name},label={label}"


def _keep_sounds(summary: Summary, folder: Path) -> None:
    """``sounds/NAME__CODEC.wav`` of the first few recordings that every codec coded."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(dict.fromkeys(r.utterance for r in summary.records if not r.error))[:_HEARD]
    for record in summary.records:
        if record.utterance in chosen and record.audio:
            stem = re.sub(r"[^\w.-]+", "_", record.utterance)[-80:]
            shutil.copyfile(record.audio, folder / f"{stem}__{record.codec}.wav")
