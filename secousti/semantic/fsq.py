"""Finite scalar quantization (paper, eq. 6; release, section 7)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.config import QuantizerConfig
from secousti.semantic.quantizer import Quantized, Quantizer


class FSQ(Quantizer):
    """``round(bound(project_in(z)))``, one digit per level; token = digits in mixed radix.

    Runs in float32 whatever the model's dtype, in float64 where the encoder does, and counts in
    int64: in bf16 or fp16 the index arithmetic itself would be wrong. Digit 0 is the least
    significant.
    """

    levels: Tensor
    half_range: Tensor
    half_width: Tensor
    offset: Tensor
    shift: Tensor
    basis: Tensor

    def __init__(self, dim: int, config: QuantizerConfig) -> None:
        super().__init__()
        levels = torch.tensor(config.levels)
        self.project_in = nn.Linear(dim, len(config.levels))
        self.project_out = nn.Linear(len(config.levels), dim)
        self.codebook_size = math.prod(config.levels)
        self.sizes = tuple(config.levels)
        # An even number of levels has no middle one: bound to (-L/2, L/2 - 1) instead.
        half = (levels - 1) * (1 - config.epsilon) / 2
        offset = torch.where(levels % 2 == 0, 0.5, 0.0)
        basis = torch.cumprod(torch.cat([torch.ones(1, dtype=torch.int64), levels[:-1]]), 0)
        self.register_buffer("levels", levels, persistent=False)
        self.register_buffer("half_range", half, persistent=False)
        self.register_buffer("offset", offset, persistent=False)
        self.register_buffer("shift", torch.atanh(offset / half), persistent=False)
        self.register_buffer("half_width", levels // 2, persistent=False)
        self.register_buffer("basis", basis, persistent=False)

    def bound(self, z: Tensor) -> Tensor:
        """[B, D, L] -> [B, L, digits] in float32 (float64 for such z), each digit within half a
        step of its levels."""
        with torch.autocast(z.device.type, enabled=False):
            dtype = torch.promote_types(z.dtype, torch.float32)
            weight, bias = self.project_in.weight.to(dtype), self.project_in.bias.to(dtype)
            y = F.linear(z.to(dtype).transpose(1, 2), weight, bias)
            return torch.tanh(y + self.shift) * self.half_range - self.offset

    def encode(self, z: Tensor) -> Tensor:
        return self.index(torch.round(self.bound(z)))

    def forward(self, z: Tensor) -> Quantized:
        bounded = self.bound(z)
        rounded = torch.round(bounded)
        straight_through = bounded + (rounded - bounded).detach()
        return Quantized(self._vectors(straight_through), self.index(rounded), 0.0)

    def decode(self, indices: Tensor) -> Tensor:
        return self._vectors(self.digits(indices))

    def digits(self, indices: Tensor) -> Tensor:
        """int64 [B, L] -> rounded digits, float32 [B, L, digits], centred on 0."""
        digits = indices[..., None] // self.basis % self.levels
        return (digits - self.half_width).float()

    def index(self, rounded: Tensor) -> Tensor:
        """Rounded digits [B, L, digits] -> int64 [B, L]."""
        digits = rounded.to(torch.int64) + self.half_width
        return (digits * self.basis).sum(-1)

    def _vectors(self, digits: Tensor) -> Tensor:
        codes = (digits / self.half_width).to(self.project_out.weight.dtype)
        return self.project_out(codes).transpose(1, 2)
