"""``accelerate launch -m train.vocoder FILE [key=value ...]``: train, or continue, a vocoder."""

from __future__ import annotations

from train.budget.command import run_training

if __name__ == "__main__":
    run_training(
        "vocoder",
        "Train the vocoder of CONFIG; a run that was stopped continues where it was saved.",
    )
