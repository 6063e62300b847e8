"""What to do when a step is not finite: name the batch, skip it, and if need be go back."""

from __future__ import annotations

from typing import Literal

from secousti.errors import SecoustiError

Verdict = Literal["good", "skip", "back"]
_MOST_RETURNS = 3


class Guard:
    """Counts bad steps; its state is saved with the run.

    A bad step changes no weights and is skipped. ``patience`` in a row mean that the weights
    themselves went wrong: the run returns to its last checkpoint and goes on with new data.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.in_a_row = 0
        self.returns = 0

    def judge(self, finite: bool, names: list[str]) -> Verdict:
        """Of a step on the utterances ``names``.

        Raises:
            SecoustiError: it went back three times and fails again.
        """
        if finite:
            self.in_a_row = 0
            return "good"
        self.in_a_row += 1
        if self.in_a_row < self.patience:
            return "skip"
        self.in_a_row = 0
        self.returns += 1
        if self.returns > _MOST_RETURNS:
            raise SecoustiError(
                f"the loss is not finite, again, after {_MOST_RETURNS} returns to a checkpoint; "
                f"the last batch held {', '.join(names[:8])}; lower training.optim.lr, or take "
                "these recordings out of the manifest (events.jsonl lists all)"
            )
        return "back"

    def state(self) -> dict[str, int]:
        return {"in_a_row": self.in_a_row, "returns": self.returns}

    def load(self, state: dict[str, int]) -> None:
        self.in_a_row, self.returns = state["in_a_row"], state["returns"]
