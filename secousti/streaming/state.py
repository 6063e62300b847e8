"""Explicit streaming state: the one abstraction every causal layer implements.

A state is a nested dict of tensors with the batch first. All zeros is the start of a stream,
so a row is reset by writing zeros, rows of different streams batch together by indexing, and a
state can be saved, exported or moved like any other tensors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, Union

import torch
from torch import Tensor, nn

State: TypeAlias = dict[str, Union[Tensor, "State"]]


class StreamingModule(nn.Module, ABC):
    """A layer that gives the same result in one call or chunk by chunk.

    ``forward(x, state=None)`` returns ``(y, new_state)``. With ``state=None`` the whole signal is
    in ``x`` and the returned state is ``None``; with a state the layer continues exactly where
    that state stopped and leaves it unchanged.
    """

    @abstractmethod
    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        """The state before the first chunk: zeros, one row per stream."""

    @abstractmethod
    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        """Process a chunk ``x`` whose first dimension is the batch."""


class StreamingSequential(StreamingModule):
    """Layers one after the other; plain modules must work frame by frame (activations)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return init_states(numbered(self.layers), batch_size, device, dtype)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        new: State = {}
        for i, layer in enumerate(self.layers):
            if isinstance(layer, StreamingModule):
                x, layer_state = layer(x, substate(state, str(i)))
                if layer_state is not None:
                    new[str(i)] = layer_state
            else:
                x = layer(x)
        return x, (None if state is None else new)


def init_states(
    parts: Iterable[tuple[str, nn.Module | None]],
    batch_size: int,
    device: torch.device | None,
    dtype: torch.dtype | None,
) -> State:
    """The states of the parts that have one, by their names."""
    return {
        name: part.init_state(batch_size, device, dtype)
        for name, part in parts
        if isinstance(part, StreamingModule)
    }


def numbered(layers: nn.ModuleList) -> Iterator[tuple[str, nn.Module]]:
    """Layers by the names that their states have."""
    return ((str(i), layer) for i, layer in enumerate(layers))


def substate(state: State | None, name: str) -> State | None:
    """The part of ``state`` that belongs to the child ``name`` (``None`` when offline)."""
    if state is None:
        return None
    child = state[name]
    assert isinstance(child, dict)
    return child


def tensor(state: State, name: str) -> Tensor:
    """The tensor ``name`` of a layer's own state."""
    value = state[name]
    assert isinstance(value, Tensor)
    return value


def map_state(fn: Callable[..., Tensor], state: State, *others: State) -> State:
    """Apply ``fn`` to every tensor of ``state`` (and the same places of ``others``)."""
    out: State = {}
    for name, value in state.items():
        rest = [other[name] for other in others]
        out[name] = map_state(fn, value, *rest) if isinstance(value, dict) else fn(value, *rest)  # type: ignore[arg-type]
    return out


def named_tensors(state: State, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Flat ``("a.b.c", tensor)`` pairs in a fixed order, for export and checkpoints."""
    for name, value in state.items():
        if isinstance(value, dict):
            yield from named_tensors(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def take_rows(state: State, rows: Tensor) -> State:
    """The state of the streams ``rows`` (int64 [R]) as a batch of R."""
    return map_state(lambda t: t.index_select(0, rows), state)


def put_rows(state: State, rows: Tensor, update: State) -> State:
    """A copy of ``state`` in which the streams ``rows`` have the state ``update``."""
    return map_state(lambda t, u: t.index_copy(0, rows, u), state, update)


def reset_rows(state: State, rows: Tensor) -> State:
    """A copy of ``state`` in which the streams ``rows`` are at their start again."""
    return map_state(lambda t: t.index_fill(0, rows, 0), state)


def join_states(states: list[State]) -> State:
    """The states of several streams as those of one batch."""
    return states[0] if len(states) == 1 else map_state(_join, *states)


def _join(*parts: Tensor) -> Tensor:
    return torch.cat(parts)


def split_state(state: State, rows: int) -> list[State]:
    """The rows of a batch one by one; each holds no memory of the others."""
    if rows == 1:
        return [state]
    return [map_state(lambda t, i=i: t[i : i + 1].clone(), state) for i in range(rows)]
