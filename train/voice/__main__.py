"""``python -m train.voice FILE [key=value ...]``: train, or continue, a listener."""

from __future__ import annotations

from pathlib import Path

from train.engine.command import run_file


def main(config: Path, changes: tuple[str, ...], resume: bool) -> None:
    """What the file describes, on all processes."""
    from train.budget.guide import guide_changes
    from train.voice.config import load
    from train.voice.task import train

    found = load(config, changes)
    if shortened := guide_changes(found):
        found = load(config, (*changes, *shortened))
    train(found, resume)


if __name__ == "__main__":
    run_file(
        main,
        "Train the listener of CONFIG, from whom codecs learn conversion (objective.listener); a "
        "run that was stopped continues where it was saved.",
    )
