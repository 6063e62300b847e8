"""The paralinguistic vector on the wire: 64 numbers in [-1, 1], 8 bits each."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 127


def quantize(hidden: Tensor) -> Tensor:
    """float [..., 64] in [-1, 1] -> int8, uniform steps of 1/127."""
    return torch.round(hidden.float().clamp(-1, 1) * STEPS).to(torch.int8)


def dequantize(codes: Tensor) -> Tensor:
    """int8 [..., 64] -> float32 in [-1, 1]."""
    return codes.float() / STEPS
