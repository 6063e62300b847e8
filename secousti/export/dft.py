"""Discrete Fourier transforms of real signals as two small matrix products each.

Cooley and Tukey's step with N = A B, samples t = B t1 + t2 and bins k = k1 + A k2:

    X[k1 + A k2] = sum_t2 e(t2 k2 / B) e(t2 k1 / N) sum_t1 e(t1 k1 / A) x[B t1 + t2],

with e(x) = exp(-2 pi i x). For 1024 samples that is an eighth of the products, and a hundredth of
the constants, of the matrix of all cosines and sines. Real and imaginary parts lie side by side,
so that each sum is one product of real matrices.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def factors(n: int) -> tuple[int, int]:
    """(A, B) with A B = n, as equal as its divisors allow, A <= B."""
    small = next(a for a in range(math.isqrt(n), 0, -1) if n % a == 0)
    return small, n // small


def rdft(x: Tensor) -> tuple[Tensor, Tensor]:
    """[..., n] -> real and imaginary parts [..., n // 2 + 1]."""
    n = x.shape[-1]
    a, b = factors(n)
    bins = n // 2 // a + 1  # of k2
    columns = x.unflatten(-1, (a, b)).mT  # [..., t2, t1]
    inner = columns @ _waves(a, a, a, -1, x)  # [..., t2, (real | imaginary) k1]
    turned = _turned(inner.mT.unflatten(-2, (2, a)), _twiddles(a, b, -1, x))  # [..., 2, k1, t2]
    rows = torch.cat([turned[0], turned[1]], dim=-1)  # [..., k1, (real | imaginary) t2]
    outer = rows @ _complex(_waves(b, b, bins, -1, x))  # [..., k1, (real | imaginary) k2]
    real, imag = (part.mT.flatten(-2)[..., : n // 2 + 1] for part in outer.chunk(2, dim=-1))
    return real, imag


def irdft(real: Tensor, imag: Tensor, n: int) -> Tensor:
    """The inverse: two times [..., n // 2 + 1] -> [..., n], ``n`` even.

    Imaginary parts of the first and the last bin count for nothing.
    """
    a, b = factors(n)
    bins = n // 2 // a + 1
    weight = torch.full((n // 2 + 1,), 2.0 / n, dtype=real.dtype, device=real.device)
    weight[0] = weight[-1] = 1.0 / n
    missing = (0, bins * a - (n // 2 + 1))
    halves = [F.pad(part * weight, missing).unflatten(-1, (bins, a)).mT for part in (real, imag)]
    inner = torch.cat(halves, dim=-1) @ _complex(_waves(b, bins, b, 1, real))  # [..., k1, 2 t2]
    turned = _turned(inner.mT.unflatten(-2, (2, b)).mT, _twiddles(a, b, 1, real))  # [.., k1, t2]
    columns = torch.cat([turned[0].mT, turned[1].mT], dim=-1)  # [..., t2, (real | imaginary) k1]
    cos, sin = _waves(a, a, a, 1, real).chunk(2, dim=-1)
    return (columns @ torch.cat([cos, -sin])).mT.flatten(-2)


def _waves(n: int, rows: int, columns: int, sign: int, like: Tensor) -> Tensor:
    """cos | sign sin of 2 pi j k / n, [rows, 2 columns]; products are reduced, to stay exact."""
    j = torch.arange(rows, device=like.device)[:, None]
    k = torch.arange(columns, device=like.device)
    angles = (j * k % n).double() * (2 * math.pi / n)
    return torch.cat([angles.cos(), sign * angles.sin()], dim=1).to(like.dtype)


def _complex(waves: Tensor) -> Tensor:
    """cos | sin of a complex matrix -> what multiplies real | imaginary from the right."""
    cos, sin = waves.chunk(2, dim=-1)
    return torch.cat([torch.cat([cos, sin], dim=-1), torch.cat([-sin, cos], dim=-1)])


def _twiddles(a: int, b: int, sign: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sign sin of 2 pi k1 t2 / (a b), each [a, b]."""
    cos, sin = _waves(a * b, a, b, sign, like).chunk(2, dim=-1)
    return cos, sin


def _turned(parts: Tensor, by: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Complex product of [..., 2, A, B] with [A, B]."""
    real, imag = parts.unbind(-3)
    cos, sin = by
    return real * cos - imag * sin, real * sin + imag * cos
