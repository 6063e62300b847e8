"""Keep the memory of a long run where it was after its first minutes.

Batches come in thousands of shapes. oneDNN keeps compiled kernels of the last 1,024 of them, and
glibc keeps the holes that tensors of other sizes left, in a heap for every few threads: together
they grow for hours.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

_KERNELS = "64"
_M_ARENA_MAX = -8  # of glibc's malloc.h
_HEAPS = 2


def keep_few_kernels() -> None:
    """Have oneDNN forget kernels it has not used for long; before its first one, or in vain."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _KERNELS)


def keep_few_heaps() -> None:
    """Have all threads share two heaps, where the C library can: before they are started."""
    choose = _of_libc("mallopt")
    if choose is not None:
        choose(_M_ARENA_MAX, _HEAPS)


def give_back() -> None:
    """Return free memory to the system, where the C library can."""
    trim = _of_libc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_libc(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
