"""Memory for what every token reads whole: on large pages, where the system has them.

A token of a full-size codec reads some hundred megabytes. On pages of 4 KiB that is one address
translation every 4 KiB, which no processor keeps at hand; on pages of 2 MiB they all fit.
"""

from __future__ import annotations

import ctypes
import sys
from math import prod

import torch
from torch import Tensor

_PAGE = 1 << 21
_MADV_HUGEPAGE = 14  # Linux, <asm-generic/mman-common.h>
_ALIGNMENT = 64


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """As ``torch.empty`` on the CPU; from a page's size on, the system is asked for large pages.

    It may refuse: then the pages are small, and nothing else differs.
    """
    size = prod(shape) * dtype.itemsize
    if size < _PAGE or sys.platform != "linux":
        return torch.empty(shape, dtype=dtype)
    raw = torch.empty(size + _PAGE, dtype=torch.uint8)
    start = -raw.data_ptr() % _PAGE
    whole = ctypes.c_size_t(size - size % _PAGE)  # the rest would reach into others' memory
    ctypes.CDLL(None).madvise(ctypes.c_void_p(raw.data_ptr() + start), whole, _MADV_HUGEPAGE)
    return raw[start : start + size].view(dtype).view(shape)


def zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | None) -> Tensor:
    """As ``torch.zeros``, in memory as of ``empty`` where ``device`` is the CPU."""
    if device is not None and device.type != "cpu":
        return torch.zeros(shape, dtype=dtype, device=device)
    return empty(shape, dtype).zero_()


def together(tensors: list[Tensor]) -> list[Tensor]:
    """Copies of int8 ``tensors`` that lie one behind the other."""
    sizes = [-(-t.numel() // _ALIGNMENT) * _ALIGNMENT for t in tensors]
    memory = empty((sum(sizes),), torch.int8)
    places = memory.split(sizes)
    copies = [p[: t.numel()].view(t.shape) for p, t in zip(places, tensors, strict=True)]
    for copy, tensor in zip(copies, tensors, strict=True):
        copy.copy_(tensor)
    return copies
