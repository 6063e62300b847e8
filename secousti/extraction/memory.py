"""Keep the memory of a long run where it was after its first minutes.

Batches come in thousands of shapes. oneDNN keeps compiled kernels of the last 1,024 of them, and
glibc keeps the holes that tensors of other sizes left: together they grow for hours.
"""

from __future__ import annotations

import ctypes
import os
import sys

_KERNELS = "64"


def keep_few_kernels() -> None:
    """Have oneDNN forget kernels it has not used for long; before its first one, or in vain."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _KERNELS)


def give_back() -> None:
    """Return free memory to the system, where the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
