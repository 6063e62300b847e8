"""Attention in a causal window: exact for any length and any chunking (release, section 5)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_KEPT = 4096  # positions: longer tables are made anew
_BLOCK = 256  # queries at once: bounds memory for long inputs without changing the result


def rope_tables(
    positions: Tensor, dim: int, max_period: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary angles at int64 ``positions`` [B, T] -> 2 x [B, 1, T, dim/2].

    Angles are taken in float64, so that hours of streaming rotate as exactly as the first
    second; devices without float64 use float32. The tables are as precise as queries and keys of
    ``dtype``, and at least float32.
    """
    precise = torch.float32 if positions.device.type == "mps" else torch.float64
    exponents = torch.arange(0, dim, 2, device=positions.device, dtype=precise) / dim
    angles = positions[:, None, :, None].to(precise) * max_period**-exponents
    wide = torch.promote_types(dtype, torch.float32)
    return angles.cos().to(wide), angles.sin().to(wide)


def offline_tables(
    length: int, dim: int, max_period: float, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """``rope_tables`` of positions 0 .. ``length`` - 1, 2 x [1, 1, length, dim/2]."""
    if length > _KEPT or _recorded():
        return _offline_tables(length, dim, max_period, dtype, device)
    return _kept_tables(length, dim, max_period, dtype, device)


def _offline_tables(
    length: int, dim: int, max_period: float, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    # Training may use what was first made while listening: no inference tensors.
    with torch.inference_mode(False):
        positions = torch.arange(length, device=device)[None]
        return rope_tables(positions, dim, max_period, dtype)


_kept_tables = lru_cache(maxsize=8)(_offline_tables)  # a few lengths, at most 2 MB each


def rotate(x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary embedding of interleaved pairs in the tables' precision; [..., T, D] -> the same."""
    if torch.is_grad_enabled() and x.requires_grad and not _recorded():
        y: Tensor = _Rotation.apply(x, *tables)
        return y
    cos, sin = tables
    a, b = x.to(cos.dtype).unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2).to(x.dtype)


class _Rotation(torch.autograd.Function):
    """``rotate`` to the last bit, in fewer calls; its gradient is turned back by the same angle."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return _turned(grad, cos, -sin), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    pairs = x.to(cos.dtype).unflatten(-1, (-1, 2))  # [..., T, D/2, 2]
    crossed = pairs.flip(-1) * torch.stack([-sin, sin], dim=-1)
    return torch.add(pairs * cos[..., None], crossed).flatten(-2).to(x.dtype)


def window_attention(
    q: Tensor, k: Tensor, v: Tensor, context: int, offset: Tensor | None = None
) -> Tensor:
    """Each query attends to itself and the ``context - 1`` positions before it.

    Args:
        q: [B, H, T, D].
        k, v: [B, H, P + T, D]; the first P positions precede the queries (0 when offline).
        offset: int64 [B], how many positions of each stream precede the queries; those of the P
            cached ones that lie before the stream's start are masked. ``None`` when P is 0.
    """
    past = k.shape[-2] - q.shape[-2]
    outputs = []
    for start in range(0, q.shape[-2], _BLOCK):
        block = q[..., start : start + _BLOCK, :]
        first = max(0, past + start - (context - 1))
        last = past + start + block.shape[-2]
        mask = _window_mask(past + start, last, first, context, q.device)
        if offset is not None:
            born = torch.arange(first, last, device=q.device) - past + offset[:, None] >= 0
            mask = mask & born[:, None, None]
        keys, values = k[..., first:last, :], v[..., first:last, :]
        outputs.append(F.scaled_dot_product_attention(block, keys, values, attn_mask=mask))
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-2)


def _window_mask(start: int, end: int, first: int, context: int, device: torch.device) -> Tensor:
    """Bool [end - start, end - first]: which keys first..end-1 a query start..end-1 may see."""
    make = _relative_mask if _recorded() else _kept_mask
    return make(start - first, end - first, context, device)


def _relative_mask(before: int, keys: int, context: int, device: torch.device) -> Tensor:
    """The same of keys 0..``keys`` - 1 and the queries that ``before`` of them precede."""
    with torch.inference_mode(False):
        query = torch.arange(before, keys, device=device)[:, None]
        distance = query - torch.arange(keys, device=device)
        return (distance >= 0) & (distance < context)


_kept_mask = lru_cache(maxsize=16)(_relative_mask)  # at most ``_BLOCK`` rows each


def _recorded() -> bool:
    """Whether somebody writes down what is computed, so that it must not come from before."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()
