"""``python -m train.voice FILE [key=value ...]``: train, or continue, a listener."""

from __future__ import annotations

from train.budget.command import run_training

if __name__ == "__main__":
    run_training(
        "voice",
        "Train the listener of CONFIG, from whom codecs learn conversion (objective.listener); a "
        "run that was stopped continues where it was saved.",
    )
