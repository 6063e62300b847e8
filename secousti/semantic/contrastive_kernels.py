"""The contrastive loss on a GPU: product, exponentials and sums of a tile in one Triton kernel.

Products are TF32, everything else float32. Rows that do not count are masked, not taken out, so
that shapes do not depend on the data and nothing waits for the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

_STRIPE = 2048  # rows of dL/dC that exist at a time
_BLOCK, _DEPTH = 128, 32  # sides of a tile, and features of it that are multiplied at a time
_NOTHING = tl.constexpr(-1e30)  # a logit that weighs nothing, and from which itself can be taken


@triton.jit
def _similarity(
    x, y, rows, columns, at, to, d: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr
):  # fmt: skip
    """Products of rows ``at`` of x and ``to`` of y, both [., d]: float32 [BLOCK, BLOCK]."""
    total = tl.zeros((BLOCK, BLOCK), dtype=tl.float32)
    for start in range(0, d, DEPTH):
        k = start + tl.arange(0, DEPTH)
        a = tl.load(
            x + at[:, None].to(tl.int64) * d + k[None, :],
            mask=(at < rows)[:, None] & (k < d)[None, :],
            other=0.0,
        )
        b = tl.load(
            y + to[None, :].to(tl.int64) * d + k[:, None],
            mask=(to < columns)[None, :] & (k < d)[:, None],
            other=0.0,
        )
        total += tl.dot(a, b, input_precision="tf32")
    return total


@triton.jit(do_not_specialize=["rows", "columns"])
def _log_sum_exp_kernel(
    x, y, counts, scale, out, rows, columns,
    d: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """``out[i] = log sum_j exp(scale x_i y_j)`` over the columns that count, online."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    factor = tl.load(scale)
    top = tl.full((BLOCK,), _NOTHING, dtype=tl.float32)
    total = tl.zeros((BLOCK,), dtype=tl.float32)
    start = 0
    while start < columns:  # the width changes from batch to batch; a range would be of one
        to = start + tl.arange(0, BLOCK)
        there = tl.load(counts + to, mask=to < columns, other=0) != 0
        logits = factor * _similarity(x, y, rows, columns, at, to, d, BLOCK, DEPTH)
        logits = tl.where(there[None, :], logits, _NOTHING)
        new = tl.maximum(top, tl.max(logits, 1))
        total = total * tl.exp(top - new) + tl.sum(tl.exp(logits - new[:, None]), 1)
        top = new
        start += BLOCK
    tl.store(out + at, top + tl.log(total), mask=at < rows)


@triton.jit(do_not_specialize=["first", "rows", "columns"])
def _gradient_kernel(
    x, y, counts, scale, row_lse, column_lse, out, sums, first, rows, columns,
    d: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """dL/dC without its diagonal, of rows ``first`` on, and the sum of its product with S P^T."""
    inside = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    at, to = first + inside, tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    products = _similarity(x, y, rows, columns, at, to, d, BLOCK, DEPTH)
    logits = tl.load(scale) * products
    along = tl.load(row_lse + at, mask=at < rows, other=0.0)
    across = tl.load(column_lse + to, mask=to < columns, other=0.0)
    here = tl.load(counts + at, mask=at < rows, other=0) != 0
    there = tl.load(counts + to, mask=to < columns, other=0) != 0
    both = here[:, None] & there[None, :]
    gradient = 0.5 * (tl.exp(logits - along[:, None]) + tl.exp(logits - across[None, :]))
    gradient = tl.where(both, gradient, 0.0)
    place = inside[:, None].to(tl.int64) * columns + to[None, :]
    tl.store(out + place, gradient, mask=(at < rows)[:, None] & (to < columns)[None, :])
    part = tl.sum(tl.sum(gradient * products, 1), 0)
    tl.store(sums + tl.program_id(0) * tl.num_programs(1) + tl.program_id(1), part)


class FusedLoss(torch.autograd.Function):
    """Equation 7 for S and P, float32 [N, d] both, of the pairs that ``counts`` [N] is True for.

    Forward calls two kernels; backward one kernel and two products for every ``_STRIPE`` rows.
    """

    @staticmethod
    def forward(
        ctx: Any, s: Tensor, p: Tensor, counts: Tensor, scale: Tensor, block: int = _BLOCK
    ) -> Tensor:
        s, p = s.contiguous(), p.contiguous()
        mask, factor = counts.to(torch.int32), scale.reshape(1).float()
        row_lse, column_lse = (_log_sum_exp(a, b, mask, factor, block) for a, b in ((s, p), (p, s)))
        share = 1 / counts.sum().clamp(min=1).float()
        terms = 0.5 * (row_lse + column_lse) - scale * (s * p).sum(-1)
        ctx.save_for_backward(s, p, mask, factor, row_lse, column_lse, share)
        ctx.block = block
        return share * terms.where(counts, 0).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        s, p, mask, factor, row_lse, column_lse, share = ctx.saved_tensors
        diagonal = mask[:, None].float()
        d_s, d_p = -diagonal * p, -diagonal * s
        d_scale = -(s * p * diagonal).sum()
        with _tf32():
            for first in range(0, len(s), _STRIPE):
                rows = slice(first, first + _STRIPE)
                of_tile, part = _gradient(s, p, mask, factor, row_lse, column_lse, first, ctx.block)
                d_s[rows] += of_tile @ p
                d_p += of_tile.T @ s[rows]
                d_scale += part
        weight = grad * share
        return weight * factor * d_s, weight * factor * d_p, None, weight * d_scale, None


def _log_sum_exp(x: Tensor, y: Tensor, mask: Tensor, scale: Tensor, block: int) -> Tensor:
    out = torch.empty(len(x), device=x.device)
    grid = (triton.cdiv(len(x), block),)
    _log_sum_exp_kernel[grid](
        x, y, mask, scale, out, len(x), len(y), x.shape[1],
        BLOCK=block, DEPTH=_DEPTH, num_warps=8, num_stages=2,
    )  # fmt: skip
    return out


def _gradient(
    s: Tensor, p: Tensor, mask: Tensor, scale: Tensor, row_lse: Tensor, column_lse: Tensor,
    first: int, block: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """dL/dC [rows, N] of one stripe, and its part of the gradient of tau."""
    rows = min(_STRIPE, len(s) - first)
    grid = (triton.cdiv(rows, block), triton.cdiv(len(p), block))
    out, sums = torch.empty(rows, len(p), device=s.device), torch.empty(grid, device=s.device)
    _gradient_kernel[grid](
        s, p, mask, scale, row_lse, column_lse, out, sums, first, first + rows, len(p),
        s.shape[1], BLOCK=block, DEPTH=_DEPTH, num_warps=8, num_stages=2,
    )  # fmt: skip
    return out, sums.sum()


@contextmanager
def _tf32() -> Iterator[None]:
    """Products of float32 tensors in TF32, as in the kernels."""
    kept = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = kept
