"""``accelerate launch -m train.vocoder FILE [key=value ...]``: train, or continue, a vocoder."""

from __future__ import annotations

from pathlib import Path

from train.command import run_file


def train(config: Path, overrides: tuple[str, ...]) -> None:
    """What the file describes, on all processes."""
    from train.vocoder.config import load
    from train.vocoder.trainer import Trainer

    Trainer(load(config, overrides)).run()


if __name__ == "__main__":
    run_file(
        train, "Train the vocoder of CONFIG; a run that was stopped continues where it was saved."
    )
