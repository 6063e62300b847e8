"""``accelerate launch -m train CONFIG`` or ``python -m train CONFIG``: train a codec."""

from __future__ import annotations

from train.budget.command import run_training

if __name__ == "__main__":
    run_training(
        "codec",
        "Train what CONFIG describes; a run that stopped continues from its last checkpoint.",
    )
