"""Offline work in pieces: the streaming contract used to bound memory on long input."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.streaming.state import StreamingModule

CHUNK = 2048  # time steps at once


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
    pieces = []
    for piece in x.split(CHUNK, dim=-1):
        y, new_state = module(piece, state)
        assert new_state is not None
        state = new_state
        pieces.append(y)
    y = torch.cat(pieces, dim=-1)
    return y[..., y.shape[-1] // x.shape[-1] * lookahead :]
