"""``python -m train.voice FILE [key=value ...]``: train, or continue, a listener."""

from __future__ import annotations

from pathlib import Path

from train.command import run_file


def train(config: Path, overrides: tuple[str, ...]) -> None:
    """What the file describes, in one process."""
    from train.voice.config import load
    from train.voice.trainer import Trainer

    Trainer(load(config, overrides)).run()


if __name__ == "__main__":
    run_file(
        train,
        "Train the listener of CONFIG, from whom codecs learn conversion (objective.listener); a "
        "run that was stopped continues where it was saved.",
    )
