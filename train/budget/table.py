"""What phases took, as a table of a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from secousti.evaluation.report.table import Table
from train.budget.ledger import Ledger
from train.engine.settings import read_document

_HEADINGS = ["phase", "steps", "s a step, measured before", "minutes", "seed"]


def phase_table(folder: Path, names: Sequence[str], ledger: Ledger) -> Table:
    """Steps, seconds a step and minutes of each phase of a job, and the rest of its minutes."""
    rows = [_row(folder / "phases", name, ledger) for name in names]
    others = {name: spent for name, spent in ledger.spent.items() if name not in names}
    rows += [[name, "", "", f"{spent / 60:.1f}", ""] for name, spent in others.items()]
    return Table("Phases", _HEADINGS, rows, [False] * len(rows))


def _row(phases: Path, name: str, ledger: Ledger) -> list[str]:
    plan = json.loads((phases / f"{name}.json").read_text("utf-8"))
    steps = " + ".join(str(own) for own in plan["steps"].values())
    each = " and ".join(f"{plan['seconds'][stage]:.3g}" for stage in plan["steps"])
    seed = read_document(phases / f"{name}.yaml")["training"]["run"].get("seed", 0)
    return [name, steps, each, f"{ledger.spent.get(name, 0.0) / 60:.1f}", str(seed)]
