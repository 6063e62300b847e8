"""Work in pieces with a state: the streaming contract used to bound memory on long input."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.streaming.state import State, StreamingModule

CHUNK = 2048  # time steps at once
Step = Callable[[Tensor, State], tuple[Tensor, State | None]]


def in_steps(step: Step, x: Tensor, state: State, unit: int) -> tuple[Tensor, State]:
    """``step`` over x [B, C, T] in pieces of ``unit``: results joined, and the state.

    The last piece is shorter if T is not a multiple of ``unit``.
    """
    outputs = []
    for piece in x.split(unit, dim=-1):
        y, new = step(piece, state)
        assert new is not None
        state = new
        outputs.append(y)
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1), state


def in_chunks(
    module: StreamingModule, x: Tensor, lookahead: int = 0, padding: float = 0.0
) -> Tensor:
    """``module(x)`` for [B, C, T] of any T, at the memory of ``CHUNK`` steps.

    A module that looks ahead lags by ``lookahead`` steps as a stream: x is followed by as many
    steps of ``padding`` and the lag is cut from the front of the result.
    """
    if x.shape[-1] <= CHUNK:
        return module(x)[0]
    x = F.pad(x, (0, lookahead), value=padding)
    state = module.init_state(x.shape[0], x.device, next(module.parameters()).dtype)
    y, _ = in_steps(module, x, state, CHUNK)
    return y[..., y.shape[-1] // x.shape[-1] * lookahead :]
