"""Divide, align, pack, train phase after phase, join, score, report."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.division import Recordings
from secousti.atomic import write_text
from secousti.evaluation.report.page import write_page
from secousti.evaluation.report.summary import Summary
from secousti.evaluation.report.table import Table, quality_tables
from secousti.evaluation.report.text import markdown_table
from train.budget.compare import METRICS, compare
from train.budget.division import divided
from train.budget.documents import CONFIGS, check_changes
from train.budget.launch import run_in_turn
from train.budget.ledger import Ledger, job_in
from train.budget.table import phase_table
from train.speedrun.preparation import about, aligned, decodable
from train.speedrun.recipe import Plan, Recipe, read_recipe
from train.tools.curves import draw_runs
from train.tools.pack import pack, write_card
from train.tools.pack_data import pack_corpora

_SCORING = 0.05  # of the budget is kept for joining, scoring and the report,
_MOST_SCORING = 180.0  # seconds at most
_LONG = 45.0  # minutes from which on CPUs train the mini models' phases
_WORTH_PROCESSES = 10.0  # minutes; to start processes takes seconds in every phase
_MOST_PROCESSES = 8  # on CPUs, whose batches add up
_METRICS = (*METRICS, "estoi", "speaker_similarity", "mcd")


@dataclass(frozen=True)
class Wish:
    """What the command line says; see ``train/speedrun/__main__.py``."""

    recordings: str
    output: Path
    minutes: float
    gpus: int | None = 1
    recipe: str | None = None
    changes: tuple[str, ...] = ()

    def recipe_file(self) -> Path:
        """The file named, or that of the job in the folder, or of the hardware and the minutes."""
        if self.recipe is not None:
            named = Path(self.recipe)
            return named if named.suffix else CONFIGS / "speedrun" / f"{self.recipe}.yaml"
        if (known := job_in(self.output)) is not None:
            return Path(known["recipe"])
        import torch

        slow = "short" if self.minutes < _LONG else "mini"
        name = "gpu" if torch.cuda.is_available() else slow
        return CONFIGS / "speedrun" / f"{name}.yaml"

    def processes(self) -> int:
        """Of each phase: as many as said; on CPUs one a core, unless the minutes are few.

        Two processes of one thread do twice the work of one; a second thread hardly helps steps as
        small as these, and holds them up where other programs run.
        """
        if self.gpus is not None:
            return max(self.gpus, 1)
        import torch

        if torch.cuda.is_available() or self.minutes < _WORTH_PROCESSES:
            return 1
        return min(len(os.sched_getaffinity(0)), _MOST_PROCESSES)

    def job(self) -> dict[str, Any]:
        """What the job in a folder is; minutes, GPUs and changes of later phases may differ."""
        return {
            "recordings": str(Path(self.recordings).absolute()),
            "recipe": str(self.recipe_file()),
        }


def go(wish: Wish) -> str:
    """Do what is asked, or go on with it; a line about what was made.

    Raises:
        SecoustiError: recordings, a recipe or changes that are of no use, or an interruption.
    """
    recipe = read_recipe(wish.recipe_file())
    check_changes(wish.changes, list(recipe.phases))
    ledger = Ledger(wish.output, wish.minutes, wish.job())
    recordings = decodable(
        divided(wish.recordings, wish.output, ledger), recipe.preparation, ledger
    )
    alignments = aligned(recordings, recipe.preparation, ledger)
    plan = Plan(recipe, wish.output, recordings, alignments, wish.changes)
    plan.check()
    _pack_audio(plan, ledger)
    reserve = min(_SCORING * 60 * wish.minutes, _MOST_SCORING)
    run_in_turn(plan.planned(), ledger, reserve, wish.processes())
    return _finish(wish, plan, recordings, ledger)


def _pack_audio(plan: Plan, ledger: Ledger) -> None:
    """Decode everything once, before the clock of the first phase runs."""
    if "packing" in ledger.done:
        return
    with ledger.part("packing"):
        pack_corpora(plan.planned()[0].phase.file, ())


def _finish(wish: Wish, plan: Plan, recordings: Recordings, ledger: Ledger) -> str:
    folder, recipe = wish.output / "codec", plan.recipe
    if "report" not in ledger.done:
        with ledger.part("report"):
            vocoder = plan.model(recipe.vocoder)
            packed = pack(plan.model(recipe.codec), str(vocoder), folder, wish.output.name)
            title = f"{packed.model_id}: {wish.minutes:g} minutes"
            summary = compare(
                {packed.model_id: str(folder)},
                recordings.valid,
                wish.output / "evaluation",
                title,
                recordings.about(),
                _METRICS,
            )
            made = [
                phase_table(wish.output, list(recipe.phases), ledger),
                _settings(wish, plan, ledger),
            ]
            _write(wish, recipe, summary, made)
            write_card(packed, folder, wish.output / "report.md")
    print((wish.output / "report.md").read_text("utf-8"))
    return f"the codec is in {folder}, the report in {wish.output / 'report.html'}"


def _write(wish: Wish, recipe: Recipe, summary: Summary, made: list[Table]) -> None:
    """``report.html``, ``report.md`` and ``curves.png``."""
    runs = [wish.output / "runs" / name for name in recipe.phases]
    curves = wish.output / "curves.png"
    draw_runs(runs, list(recipe.phases), curves)
    write_page(summary, wish.output / "report.html", [curves], 6, made)
    parts = [f"## {summary.title}", summary.about]
    for table in (*quality_tables(summary), *made):
        parts.append(f"### {table.title}\n\n{markdown_table(table)}")
    parts += [f"{name} was not measured: {why}." for name, why in summary.skipped.items()]
    write_text(wish.output / "report.md", "\n\n".join(part for part in parts if part) + "\n")


def _settings(wish: Wish, plan: Plan, ledger: Ledger) -> Table:
    """What the same result needs again."""
    import platform

    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor()
    rows = [
        ["hardware", f"{wish.processes()} x {device or platform.machine()}"],
        ["minutes", f"{wish.minutes:g}"],
        ["hours of speech", f"{plan.recordings.seconds / 3600:.2f}"],
        ["phonemes", about(ledger.done["alignment"])],
        ["recipe", wish.recipe_file().name],
        ["changes", " ".join(wish.changes) or "none"],
        ["torch", torch.__version__],
    ]
    return Table("How it was made", ["what", "value"], rows, [False] * len(rows))
