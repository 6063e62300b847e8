"""The recordings of a run within a budget, divided once."""

from __future__ import annotations

from pathlib import Path

from data_prep.division import Recordings, divide
from train.budget.ledger import Ledger


def divided(recordings: str, output: Path, ledger: Ledger) -> Recordings:
    """``recordings`` in train and valid, below ``output``; a run that goes on finds them again.

    Raises:
        SecoustiError: as ``data_prep.division.divide``.
    """
    if "recordings" not in ledger.done:
        with ledger.part("recordings") as note:
            note |= divide([recordings], output / "recordings").plain()
    found = Recordings(**ledger.done["recordings"])
    print(found.about(), flush=True)
    return found
