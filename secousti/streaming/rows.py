"""Rows of a batch of streams, each at its own place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from secousti.errors import SecoustiError
from secousti.streaming.state import State, put_rows, take_rows


def step_rows(
    state: State,
    pending: list[Tensor],
    step: Callable[[Tensor, State, Tensor], tuple[Tensor, State]],
    most: int,
    unit: int = 1,
) -> tuple[State, list[list[Tensor]]]:
    """Advance every stream through its pending steps, batching those that have some.

    Args:
        state: of all streams.
        pending: per stream [C, T_i], whole multiples of ``unit``.
        step: (inputs [R, C, T], their state, row numbers int64 [R]) -> (outputs [R, ...], state).
        most: inputs per call at most, a multiple of ``unit``.

    Returns the new state and, per stream, its outputs in order.
    """
    outputs: list[list[Tensor]] = [[] for _ in pending]
    done = [0] * len(pending)
    while True:
        left = [x.shape[-1] - n for x, n in zip(pending, done, strict=True)]
        active = [i for i, n in enumerate(left) if n >= unit]
        if not active:
            return state, outputs
        count = min(min(left[i] for i in active), most)
        inputs = torch.stack([pending[i][..., done[i] : done[i] + count] for i in active])
        rows = torch.tensor(active, device=inputs.device)
        if len(active) == len(pending):
            result, state = step(inputs, state, rows)
        else:
            result, moved = step(inputs, take_rows(state, rows), rows)
            state = put_rows(state, rows, moved)
        for place, i in enumerate(active):
            outputs[i].append(result[place])
            done[i] += count


def split_rows(x: Any, batch_size: int, what: str, channels: int = 1) -> list[Tensor]:
    """One tensor per stream: [T] from [T], [B, T] or [B, 1, T]; [channels, T] if there are more.

    Raises:
        SecoustiError: the batch is not ``batch_size``, or other channels.
    """
    x = torch.as_tensor(x)
    rows = x[:, 0] if channels == 1 and x.dim() == 3 and x.shape[1] == 1 else x
    dims = 2 if channels == 1 else 3
    rows = rows[None] if rows.dim() == dims - 1 else rows
    fits = channels == 1 or (rows.dim() == 3 and rows.shape[1] == channels)
    if rows.dim() != dims or rows.shape[0] != batch_size or not fits:
        raise SecoustiError(
            f"{what} must be [{batch_size}, {channels}, T] for {batch_size} stream(s), "
            f"found shape {tuple(x.shape)}"
        )
    return list(rows)


def join_rows(rows: Sequence[Tensor]) -> Tensor:
    """[B, 1, T] from rows [T] that are in step, [B, K, T] from rows [K, T].

    Raises:
        SecoustiError: the rows differ in length.
    """
    if len({row.shape[-1] for row in rows}) > 1:
        raise SecoustiError(
            "the streams are out of step (some were reset or flushed alone): "
            "use push_rows and flush_rows, which return one tensor per stream"
        )
    joined = torch.stack(list(rows))
    return joined[:, None] if joined.dim() == 2 else joined
