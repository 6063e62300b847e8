"""``accelerate launch -m train CONFIG`` or ``python -m train CONFIG``: train a codec."""

from __future__ import annotations

from pathlib import Path

from train.engine.command import run_file


def main(config: Path, changes: tuple[str, ...], resume: bool) -> None:
    """What the file describes, on all processes."""
    from train.budget.guide import guide_changes
    from train.codec.config import load
    from train.codec.task import train

    found = load(config, changes)
    if shortened := guide_changes(found):
        found = load(config, (*changes, *shortened))
    train(found, resume)


if __name__ == "__main__":
    run_file(
        main, "Train what CONFIG describes; a run that stopped continues from its last checkpoint."
    )
