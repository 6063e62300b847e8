"""What the caller's surroundings may not change: autocast, default dtype, gradients, ``train()``.

Tokens are a property of the audio. A codec that is called inside a training loop works as it does
anywhere else, and what it returns are ordinary tensors.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import torch
from torch import nn

F = TypeVar("F", bound=Callable)


class _DefaultDtype:
    """float32 as PyTorch's default while anybody is inside.

    The default is one for the whole process, so threads that are inside together share it: the
    first one in remembers the caller's, the last one out restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._callers = torch.float32

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._callers = torch.get_default_dtype()
                torch.set_default_dtype(torch.float32)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                torch.set_default_dtype(self._callers)


_FLOAT32 = _DefaultDtype()


@contextmanager
def float32_default() -> Iterator[None]:
    """New tensors are float32 unless told otherwise, whatever the caller's default."""
    if torch.get_default_dtype() == torch.float32 and not _FLOAT32._inside:
        yield  # the usual case takes no lock
        return
    with _FLOAT32:
        yield


@contextmanager
def undisturbed(device: torch.device) -> Iterator[None]:
    """A forward pass on ``device`` that is the same in every surrounding."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))  # its tensors could not be written to
        stack.enter_context(torch.no_grad())
        for kind in {"cpu", device.type}:  # audio is resampled on the CPU
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(float32_default())
        yield


def inference(method: F) -> F:
    """Run a codec's method ``undisturbed`` and as in ``eval()``, whatever its mode."""

    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        with undisturbed(self.device), _evaluating(self):
            return method(self, *args, **kwargs)

    return wrapper  # type: ignore[return-value]


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    training = [m for m in module.modules() if m.training]
    for m in training:
        m.training = False
    try:
        yield
    finally:
        for m in training:
            m.training = True
