"""A network with some of its layers exchanged for others that do the same work."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

from torch import nn

M = TypeVar("M", bound=nn.Module)
Make = Callable[[nn.Module], nn.Module | None]


def swapped(module: M, make: Make) -> M:
    """A copy of ``module`` that has ``make(child)`` in the place of ``child``, if it is not None.

    What lies inside an exchanged child is not asked for. Weights are shared with ``module``.
    """
    parameters = [*module.parameters(), *module.buffers()]
    shared = copy.deepcopy(module, {id(tensor): tensor for tensor in parameters})
    _exchange(shared, make)
    return shared


def _exchange(module: nn.Module, make: Make) -> None:
    for name, child in list(module.named_children()):
        made = make(child)
        if made is None:
            _exchange(child, make)
        else:
            setattr(module, name, made)
