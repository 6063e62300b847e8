"""Divide, align, pack, train phase after phase, join, score, report."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.alignment.command import Options as AlignOptions
from data_prep.alignment.command import align_manifest
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
from train.budget.ledger import Ledger
from train.budget.table import phase_table
from train.speedrun.recipe import Plan, Recipe, read_recipe
from train.tools.curves import draw_runs
from train.tools.pack import pack, write_card
from train.tools.pack_data import pack_corpora

_SCORING = 0.05  # of the budget is kept for joining, scoring and the report,
_MOST_SCORING = 180.0  # seconds at most
_METRICS = (*METRICS, "estoi", "speaker_similarity", "mcd")


@dataclass(frozen=True)
class Wish:
    """What the command line says; see ``train/speedrun/__main__.py``."""

    recordings: str
    output: Path
    minutes: float
    gpus: int = 0
    recipe: str | None = None
    changes: tuple[str, ...] = ()

    def recipe_file(self) -> Path:
        """The file named, or that of the hardware at hand."""
        if self.recipe is None:
            import torch

            return CONFIGS / "speedrun" / ("gpu.yaml" if torch.cuda.is_available() else "mini.yaml")
        named = Path(self.recipe)
        return named if named.suffix else CONFIGS / "speedrun" / f"{self.recipe}.yaml"

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
    recordings = divided(wish.recordings, wish.output, ledger)
    plan = Plan(recipe, wish.output, recordings, _aligned(wish, recordings, ledger), wish.changes)
    plan.check()
    _pack_audio(plan, ledger)
    reserve = min(_SCORING * 60 * wish.minutes, _MOST_SCORING)
    run_in_turn(plan.planned(), ledger, reserve, max(wish.gpus, 1))
    return _finish(wish, plan, recordings, ledger)


def _aligned(wish: Wish, recordings: Recordings, ledger: Ledger) -> list[str]:
    """Manifests with timed phonemes; none where nothing has a text."""
    if not recordings.texts:
        print("no recording has a text: nothing to align, no contrastive loss", flush=True)
        return []
    paths = [Path(recordings.train), Path(recordings.valid)]
    targets = [path.with_suffix(".aligned.jsonl") for path in paths]
    if "alignment" not in ledger.done:
        with ledger.part("alignment") as note:
            options = AlignOptions("auto", None, None, 0.0)
            workers = len(os.sched_getaffinity(0))
            for path, target in zip(paths, targets, strict=True):
                report = align_manifest(path, target, options, workers)
                note[path.stem] = {"rows": report.rows, "aligned": report.aligned}
    for name, counts in ledger.done["alignment"].items():
        print(f"{name}: {counts['aligned']} of {counts['rows']} aligned", flush=True)
    return [str(target.resolve()) for target in targets]


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
            made = [phase_table(wish.output, list(recipe.phases), ledger), _settings(wish, plan)]
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


def _settings(wish: Wish, plan: Plan) -> Table:
    """What the same result needs again."""
    import platform

    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor()
    rows = [
        ["hardware", f"{max(wish.gpus, 1)} x {device or platform.machine()}"],
        ["minutes", f"{wish.minutes:g}"],
        ["hours of speech", f"{plan.recordings.seconds / 3600:.2f}"],
        ["recipe", wish.recipe_file().name],
        ["changes", " ".join(wish.changes) or "none"],
        ["torch", torch.__version__],
    ]
    return Table("How it was made", ["what", "value"], rows, [False] * len(rows))
