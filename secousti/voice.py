"""The paralinguistic vector on the wire: 64 numbers in [-1, 1], 8 bits each."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from secousti.errors import SecoustiError

STEPS = 127
_ROUNDING = 1e-3  # half precision may round a number to a little more than 1


def quantize(voice: Tensor) -> Tensor:
    """float [..., 64] in [-1, 1] -> int8, uniform steps of 1/127."""
    return torch.round(voice.float().clamp(-1, 1) * STEPS).to(torch.int8)


def dequantize(codes: Tensor) -> Tensor:
    """int8 [..., 64] -> float32 in [-1, 1]."""
    return codes.float() / STEPS


def on_the_wire(voice: Tensor) -> Tensor:
    """float [..., 64] -> the nearest float32 numbers that 8 bits can carry."""
    return dequantize(quantize(voice))


def as_voices(voice: Any, rows: int, size: int) -> Tensor:
    """A voice from a caller, for each of ``rows`` streams: float32 [rows, size] in [-1, 1].

    Args:
        voice: [size], [1, size] or [rows, size]; floats in [-1, 1], or integers in the wire's form
            (-127 to 127), as ``.sct`` files and extracted columns hold them.

    Raises:
        SecoustiError: another shape, NaN, or numbers beyond these ranges.
    """
    try:
        vectors = torch.as_tensor(np.array(voice) if isinstance(voice, np.ndarray) else voice)
        vectors = vectors.detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise SecoustiError(f"a voice must be {size} numbers: {error}") from error
    if vectors.dim() == 1:
        vectors = vectors[None]
    if vectors.dim() != 2 or vectors.shape[1] != size or len(vectors) not in (1, rows):
        raise SecoustiError(
            f"a voice must be [1, {size}] or [{rows}, {size}], found {tuple(vectors.shape)}"
        )
    if not vectors.is_floating_point():
        vectors = dequantize(vectors)
    vectors = vectors.float()
    if not bool((vectors.abs() <= 1 + _ROUNDING).all()):  # NaN too
        raise SecoustiError(
            "a voice must lie in [-1, 1] (as 8-bit integers in -127..127) and hold no NaN, "
            f"found {float(vectors.min()):.3g} to {float(vectors.max()):.3g}"
        )
    return vectors.clamp(-1, 1).expand(rows, -1)
