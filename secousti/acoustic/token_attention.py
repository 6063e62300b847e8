"""Attention in both directions among the mel frames of one token, at no latency.

Not in the paper. A token is decided when its last frame is there, so its first frame may hear the
last. Windows are cut at token boundaries and know nothing of each other: there is no state, and a
stream gives what the whole gives.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.acoustic.linear import Linear
from secousti.config import TokenAttentionConfig


class TokenAttention(nn.Module):
    """``x + W Attn(LN(x) + positions)`` in windows of ``frames``; [B, C, T] -> [B, C, T].

    W starts at zero: a codec trained without goes on as it was.

    Args:
        channels: C. frames: of a token.
    """

    def __init__(self, channels: int, frames: int, config: TokenAttentionConfig) -> None:
        super().__init__()
        self.frames, self.heads = frames, config.num_heads
        self.norm = nn.LayerNorm(channels)
        self.in_proj = Linear(channels, config.dimension)
        self.positions = nn.Parameter(0.02 * torch.randn(frames, config.dimension))
        self.qkv = Linear(config.dimension, 3 * config.dimension, bias=False)
        self.out_proj = Linear(config.dimension, channels)
        nn.init.zeros_(self.out_proj.weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The last window is completed with zeros where T is no multiple of ``frames``."""
        batch, channels, length = x.shape
        padded = F.pad(x, (0, -length % self.frames))
        windows = padded.mT.reshape(-1, self.frames, channels)  # [B L, frames, C]
        y = self._attend(windows).reshape(batch, -1, channels).mT
        return x + y[..., :length]

    def _attend(self, x: Tensor) -> Tensor:
        x = self.in_proj(self.norm(x)) + self.positions
        parts = self.qkv(x).unflatten(-1, (3, self.heads, -1))  # [B L, frames, 3, heads, dim]
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v)  # [B L, heads, frames, dim]
        out: Tensor = self.out_proj(y.transpose(1, 2).flatten(2))
        return out
