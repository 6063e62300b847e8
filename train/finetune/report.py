"""``report.md``: what tuning changed, on held-out recordings."""

from __future__ import annotations

from pathlib import Path

from data_prep.division import Recordings
from secousti.atomic import write_text
from secousti.evaluation.report.summary import Summary
from secousti.evaluation.report.table import quality_tables
from secousti.evaluation.report.text import markdown_table
from train.budget.ledger import Ledger
from train.budget.table import phase_table


def write_report(
    folder: Path, model: str, summary: Summary, recordings: Recordings, ledger: Ledger
) -> None:
    """A short page: scores before and after, what trained how long, where to listen."""
    parts = [
        f"# {model}, tuned",
        f"{recordings.about()}. Scores are of {summary.utterances} recordings held out.",
        *(markdown_table(table) for table in quality_tables(summary)),
        *(f"{name} was not measured: {why}." for name, why in summary.skipped.items()),
        markdown_table(phase_table(folder, ["codec", "vocoder"], ledger)),
        "Pages and sounds: `report/report.html`, `report/sounds/`. Of each run the checkpoint "
        "that did best on the recordings held out was taken, so the scores flatter a little.",
    ]
    write_text(folder / "report.md", "\n\n".join(parts) + "\n")
