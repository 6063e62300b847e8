"""Trainings of a few steps: how the commands of the guides run in tests."""

from __future__ import annotations

import os
import sys
from typing import Any

from secousti.errors import SecoustiError
from train.budget.sizes import stage_names, step_changes

VARIABLE = "SECOUSTI_GUIDE_STEPS"


def guide_steps() -> int | None:
    """Steps of each stage that the environment allows; ``None`` where it says nothing.

    Raises:
        SecoustiError: the variable holds no number above 0.
    """
    said = os.environ.get(VARIABLE, "")
    if not said:
        return None
    if not said.isdecimal() or int(said) < 1:
        raise SecoustiError(f"{VARIABLE} is {said!r}; give a number of steps, or unset it")
    print(f"{VARIABLE}={said}: so many steps a stage, to try the command", file=sys.stderr)
    return int(said)


def guide_changes(config: Any) -> tuple[str, ...]:
    """``key=value`` changes of a training that the environment shortens; else none.

    Args:
        config: of a codec, a vocoder or a listener.
    """
    steps = guide_steps()
    if steps is None:
        return ()
    return tuple(step_changes(config, dict.fromkeys(stage_names(config), steps)))
