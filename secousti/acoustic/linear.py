"""A linear layer that is fast on every CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# What torch.compile itself calls for a linear layer on the CPU. It is not public, so its absence
# only costs speed.
_ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


class Linear(nn.Linear):
    """``nn.Linear``, through oneDNN where that is possible.

    PyTorch sends float32 matrix products to MKL, which leaves half of an AMD processor's vector
    width unused: 512 -> 2048 features over 215 frames take 6.1 ms there and 2.6 ms through
    oneDNN (``python -m benchmarks.linear``).
    """

    def forward(self, x: Tensor) -> Tensor:
        """[..., in_features] -> [..., out_features]."""
        if _ONEDNN is not None and _plain_inference(x, self.weight):
            return _ONEDNN(x, self.weight, self.bias, "none", [], "")
        return F.linear(x, self.weight, self.bias)

    def gelu(self, x: Tensor) -> Tensor:
        """GELU of the layer's result; in oneDNN without reading it from memory again."""
        if _ONEDNN is not None and _plain_inference(x, self.weight):
            return _ONEDNN(x, self.weight, self.bias, "gelu", [], "none")
        return F.gelu(F.linear(x, self.weight, self.bias))


def _plain_inference(x: Tensor, weight: Tensor) -> bool:
    return (
        x.dtype == weight.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()  # also true while a graph is exported
        and not torch.jit.is_tracing()
    )
