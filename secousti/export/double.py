"""float64 layers spelled out in products, sums and exponentials.

onnxruntime has float64 matrix products, but no float64 convolution, ELU or error function. What
the package computes in float64 (tokens to log-mel, the pitch) is written in what it has, exact to
the last few bits, so that a graph continues a phase as PyTorch does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_NODES = 24  # of the quadrature: erf to 2e-15
_ERF_IS_ONE = 6.0  # beyond, to the last bit
_TAKEN_FOR_ZERO = 1e-7


def erf(x: Tensor) -> Tensor:
    """``2 x / sqrt(pi)`` times the integral of ``exp(-(x u)^2)`` over u in 0..1, by Gauss."""
    squares, weights = (torch.from_numpy(part) for part in _quadrature())
    x = x.clamp(-_ERF_IS_ONE, _ERF_IS_ONE)
    return x * (torch.exp(-(x * x)[..., None] * squares) @ weights)


def gelu(x: Tensor) -> Tensor:
    """Exact GELU, any shape."""
    root = torch.tensor([math.sqrt(0.5)], dtype=x.dtype)  # a tensor: see exact_scalars
    return 0.5 * x * (1 + erf(x * root))


def elu(x: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Any shape; never in place."""
    return torch.where(x > 0, x, alpha * (torch.exp(x.clamp(max=0.0)) - 1))


def conv1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: tuple[int] = (1,),
    padding: tuple[int] = (0,),
    dilation: tuple[int] = (1,),
    groups: int = 1,
) -> Tensor:
    """[B, C_in, T] -> [B, C_out, T'], as a product with the windows of the input.

    All channels together, or each by itself (depthwise).
    """
    assert padding[0] == 0
    c_out, c_in, kernel = weight.shape
    assert groups == 1 or (c_in == 1 and groups == c_out == x.shape[1])
    count = (x.shape[-1] - (kernel - 1) * dilation[0] - 1) // stride[0] + 1
    places = stride[0] * torch.arange(count)[:, None] + dilation[0] * torch.arange(kernel)
    windows = x[..., places]  # [B, C_in, T', K]
    if groups > 1:
        y = (windows * weight).sum(-1)
        return y if bias is None else y + bias[:, None]
    flat = windows.permute(0, 2, 1, 3).reshape(-1, count, c_in * kernel)
    y = flat @ weight.flatten(1).T
    return (y if bias is None else y + bias).mT


def conv_transpose1d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: tuple[int] = (1,), *_: Any
) -> Tensor:
    """[B, C_in, T] -> [B, C_out, stride * (T - 1) + K]; K is a multiple of the stride."""
    (step,), (c_in, c_out, kernel), count = stride, weight.shape, x.shape[-1]
    assert kernel % step == 0
    pieces = (x.mT @ weight.reshape(c_in, -1)).reshape(-1, count, c_out, kernel)
    parts = kernel // step
    total = None
    for i in range(parts):
        part = pieces[..., i * step : (i + 1) * step].permute(0, 2, 1, 3)
        part = part.reshape(-1, c_out, count * step)
        part = F.pad(part, (i * step, (parts - 1 - i) * step))
        total = part if total is None else total + part
    assert total is not None
    return total if bias is None else total + bias[:, None]


def linspace(start: float, end: float, steps: int, **options: Any) -> Tensor:
    """float64 [steps] from exact ends."""
    return torch.from_numpy(np.linspace(start, end, steps)).to(options["device"])


def exact_scalars(args: tuple) -> tuple:
    """Arguments of a sum, difference, product or quotient, its scalar as a tensor if need be.

    The exporter rounds scalars to float32, and drops ``x + c`` where c is within 1e-8 of zero,
    and with it the guard of a division. A tensor of one element it leaves alone.
    """
    x, c, *rest = args
    if not isinstance(x, Tensor) or not isinstance(c, float):
        return args
    if abs(c) >= _TAKEN_FOR_ZERO and (x.dtype != torch.float64 or float(np.float32(c)) == c):
        return args
    return (x, torch.tensor([c], dtype=x.dtype), *rest)


def in_float64(args: tuple, kwargs: dict[str, Any]) -> bool:
    """Whether a function's input, or what it is told to make, is float64."""
    dtype = args[0].dtype if isinstance(args[0], Tensor) else kwargs.get("dtype")
    return dtype == torch.float64


@lru_cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Squares of the nodes in 0..1, and weights with the factor of erf."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return ((nodes + 1) / 2) ** 2, weights / math.sqrt(math.pi)


LACKING: dict[Any, Callable[..., Tensor]] = {
    F.gelu: gelu,
    F.elu: elu,
    torch.conv1d: conv1d,
    torch.conv_transpose1d: conv_transpose1d,
    torch.erf: erf,
    torch.linspace: linspace,
}
_NAMES = ("add", "sub", "mul", "div", "true_divide")
ARITHMETIC = {
    *(getattr(module, name) for module in (torch, Tensor) for name in _NAMES),
    *(getattr(Tensor, f"__{r}{name}__") for r in ("", "r") for name in (*_NAMES[:3], "truediv")),
}
