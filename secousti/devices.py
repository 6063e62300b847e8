"""Where to compute."""

from __future__ import annotations

import torch

from secousti.errors import SecoustiError

AUTO = "auto"


def wide_dtype(device: torch.device | None) -> torch.dtype:
    """float64 where the device has it."""
    return torch.float32 if device is not None and device.type == "mps" else torch.float64


def chosen(device: str) -> str:
    """``auto`` is the GPU that CUDA (or ROCm) shows, or else the CPU; other names are checked.

    Raises:
        SecoustiError: a device that cannot be used here.
    """
    if device == AUTO:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise SecoustiError(f"the device {device!r} cannot be used: {reason}") from error
    return device
