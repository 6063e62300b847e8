"""A linear layer that is fast on every CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# What torch.compile itself calls for a linear layer on the CPU. It is not public, so its absence
# only costs speed.
_ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


class Linear(nn.Linear):
    """``nn.Linear``, through oneDNN where that is possible, in training too.

    PyTorch sends float32 matrix products to MKL, which leaves half of an AMD processor's vector
    width unused: 512 -> 2048 features over 215 frames take 6.1 ms there and 2.6 ms through
    oneDNN (``python -m benchmarks.linear``).
    """

    def forward(self, x: Tensor) -> Tensor:
        """[..., in_features] -> [..., out_features]."""
        if not _is_plain(x, self.weight):
            return F.linear(x, self.weight, self.bias)
        if not torch.is_grad_enabled():
            return _product(x, self.weight, self.bias)
        if x.dim() < 2 or not x.numel() or torch.is_autocast_enabled("cpu"):
            return F.linear(x, self.weight, self.bias)
        y: Tensor = _TrainedProduct.apply(x, self.weight, self.bias)
        return y

    def gelu(self, x: Tensor) -> Tensor:
        """GELU of the layer's result; in oneDNN without reading it from memory again."""
        if _ONEDNN is not None and _is_plain(x, self.weight) and not torch.is_grad_enabled():
            return _ONEDNN(x, self.weight, self.bias, "gelu", [], "none")
        return F.gelu(self(x))


class _TrainedProduct(torch.autograd.Function):
    """``x @ weight.T + bias``; its gradients are two more products of oneDNN."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        # Gradients of gradients need products that autograd knows.
        product = F.linear if torch.is_grad_enabled() else _product
        of_x, of_weight, of_bias = ctx.needs_input_grad
        rows, gradients = x.flatten(0, -2), grad.flatten(0, -2)
        return (
            product(grad, weight.t()) if of_x else None,
            product(gradients.t(), rows.t()) if of_weight else None,
            gradients.sum(0) if of_bias else None,
        )


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    assert _ONEDNN is not None
    y: Tensor = _ONEDNN(x, weight, bias, "none", [], "")
    return y


def _is_plain(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN can be called: float32 of a CPU, and nobody who records what is done."""
    return (
        _ONEDNN is not None
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.compiler.is_compiling()  # also true while a graph is exported
        and not torch.jit.is_tracing()
    )
