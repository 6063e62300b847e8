"""One pre-norm transformer layer for one position of one stream, in PyTorch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.acoustic.transformer import TransformerLayer
from secousti.config import TransformerConfig
from secousti.onecore.linear import Precision, pack


class StepLayer(nn.Module):
    """One pre-norm layer; queries come out of their projection already divided by sqrt(D)."""

    def __init__(
        self, layer: TransformerLayer, config: TransformerConfig, precision: Precision
    ) -> None:
        super().__init__()
        attention = layer.attention
        self.num_heads = config.num_heads
        self.head_dim = config.d_model // config.num_heads
        in_weight = scaled_in_weight(layer, config)
        self.in_proj = pack(in_weight, None, precision)
        self.out_proj = pack(attention.out_proj.weight, None, precision)
        self.linear1 = pack(layer.linear1.weight, None, precision)
        self.linear2 = pack(layer.linear2.weight, None, precision)
        wide = in_weight.dtype if precision == "float32" else torch.float32
        self.norm1, self.norm2 = (_detached(norm, wide) for norm in (layer.norm1, layer.norm2))
        self.scale1 = layer.layer_scale1.scale.detach().to(wide)
        self.scale2 = layer.layer_scale2.scale.detach().to(wide)

    def forward(self, x: Tensor, rotation: Tensor, cache: Tensor, slot: int, known: int) -> Tensor:
        """x [1, d_model], ``cache`` [2, H, context, D] of which ``known`` slots are filled."""
        x = torch.addcmul(x, self._attend(x, rotation, cache, slot, known), self.scale1)
        y = self.linear2(F.gelu(self.linear1(_normalise(x, self.norm2))))
        return torch.addcmul(x, y, self.scale2)

    def _attend(self, x: Tensor, rotation: Tensor, cache: Tensor, slot: int, known: int) -> Tensor:
        packed = self.in_proj(_normalise(x, self.norm1)).view(3, self.num_heads, self.head_dim)
        pairs = torch.view_as_complex(packed[:2].unflatten(-1, (-1, 2)))
        pairs.mul_(rotation)  # rotates queries and keys in place
        cache[:, :, slot] = packed[1:]
        keys, values = cache[:, :, :known].to(x.dtype).unbind()
        weights = torch.softmax(torch.bmm(packed[0, :, None], keys.mT), dim=-1)
        return self.out_proj(torch.bmm(weights, values).view(1, -1))


def scaled_in_weight(layer: TransformerLayer, config: TransformerConfig) -> Tensor:
    """[3 d_model, d_model]: of queries divided by sqrt(D), keys and values."""
    weight = layer.attention.in_proj.weight.detach().clone()
    weight[: config.d_model] /= math.sqrt(config.d_model // config.num_heads)
    return weight


def _normalise(x: Tensor, norm: tuple[Tensor, Tensor, float]) -> Tensor:
    weight, bias, epsilon = norm
    return F.layer_norm(x, x.shape[-1:], weight, bias, epsilon)


def _detached(norm: nn.LayerNorm, dtype: torch.dtype) -> tuple[Tensor, Tensor, float]:
    return norm.weight.detach().to(dtype), norm.bias.detach().to(dtype), norm.eps
