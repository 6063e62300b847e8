"""What stands where a half of a codec was not loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import nn

from secousti.errors import SecoustiError


class Absent(nn.Module):
    """Takes no memory, still tells numbers of the module it replaces, and refuses to work.

    Args:
        module: what is not loaded; its weights are given up.
        name: of it in the codec, for messages.
        parts: what is loaded.
    """

    def __init__(self, module: nn.Module, name: str, parts: str) -> None:
        super().__init__()
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.data = torch.empty(0)
        # in a tuple, so that it is no part of the codec
        self._replaced = (module,)
        self._said = (
            f"the codec was loaded with parts={parts!r}, without its {name}: load it with "
            "parts='all'"
        )

    def forward(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise a ``SecoustiError``."""
        raise SecoustiError(self._said)

    def state_dict(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise a ``SecoustiError``: a hash or a copy would not notice what is missing."""
        raise SecoustiError(self._said)

    def parameters(self, recurse: bool = True) -> NoReturn:
        """Raise a ``SecoustiError``: who asks wants to work with them."""
        raise SecoustiError(self._said)

    def __getattr__(self, name: str) -> Any:
        """Plain values (a delay, a size) of the module; anything that works is refused."""
        replaced = self.__dict__.get("_replaced")
        if replaced is None or name.startswith("__"):
            return super().__getattr__(name)
        value = getattr(replaced[0], name)
        if isinstance(value, (int, float, str, tuple, type(None))):
            return value
        raise SecoustiError(self._said)


def leave_out(model: nn.Module, names: Sequence[str], parts: str) -> None:
    """Replace the modules ``names`` (with dots) of a codec that is not filled yet."""
    for name in names:
        parent, _, last = name.rpartition(".")
        owner = model.get_submodule(parent)
        module = getattr(owner, last)
        if isinstance(module, nn.Module):  # a codec may have no vocoder
            setattr(owner, last, Absent(module, name, parts))
