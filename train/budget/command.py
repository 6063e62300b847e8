"""The command line of a training: what its file asks for, shortened where the machine is small."""

from __future__ import annotations

import importlib
from pathlib import Path

from train.engine.command import run_file


def run_training(kind: str, about: str) -> None:
    """Train what a file of ``train.KIND`` describes, on all processes; ``about`` is the help."""

    def main(config: Path, changes: tuple[str, ...], resume: bool) -> None:
        from train.budget.guide import guide_changes

        load = importlib.import_module(f"train.{kind}.config").load
        found = load(config, changes)
        if shortened := guide_changes(found):
            found = load(config, (*changes, *shortened))
        importlib.import_module(f"train.{kind}.task").train(found, resume)

    run_file(main, about)
