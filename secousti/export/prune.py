"""A graph without the weights that its step never reads, which would be stored with it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from secousti.export.graphs import StepGraph


class _Reads(TorchFunctionMode):
    """Remembers every tensor that a function is given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        self.seen.update(
            id(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)
        )
        return func(*args, **(kwargs or {}))


def pruned(graph: StepGraph) -> StepGraph:
    """A copy of ``graph`` that shares the weights which a step reads, and lacks the others."""
    weights = [*graph.parameters(), *graph.buffers()]
    own: StepGraph = copy.deepcopy(graph, {id(weight): weight for weight in weights})
    reads = _Reads()
    with torch.enable_grad(), reads:  # with gradients nothing takes a path of its own
        own(*own.example(1), *own.state_tensors(1))
    for module in own.modules():
        for table in (module._parameters, module._buffers):
            for name, weight in table.items():
                if weight is not None and id(weight) not in reads.seen:
                    table[name] = None
    return own
