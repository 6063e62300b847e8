"""Conformer blocks that can stream and can be padded (Gulati et al. 2020).

Not torchaudio's class, whose convolutions see the padding of a batch and have no state; without
dropout, position or context options the output is the same as torchaudio's for equal weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.acoustic.attention import rope_tables, rotate, window_attention
from secousti.acoustic.conv import CausalConv1d
from secousti.acoustic.linear import Linear
from secousti.p2psyn.config import PseudoConfig
from secousti.streaming.state import State, StreamingModule, substate, tensor

MAX_PERIOD = 10_000.0


class FeedForward(nn.Sequential):
    """Norm, expansion, SiLU, projection on [B, T, C]."""

    def __init__(self, config: PseudoConfig) -> None:
        super().__init__(
            nn.LayerNorm(config.channels),
            Linear(config.channels, config.ffn),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            Linear(config.ffn, config.channels),
            nn.Dropout(config.dropout),
        )


class SelfAttention(StreamingModule):
    """Multi-head attention on [B, T, C]; causal in a window, or over all of a row's tokens."""

    def __init__(self, config: PseudoConfig) -> None:
        super().__init__()
        self.config = config
        self.norm = nn.LayerNorm(config.channels)
        self.in_proj = Linear(config.channels, 3 * config.channels)
        self.out_proj = Linear(config.channels, config.channels)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        config = self.config
        if config.context is None:
            raise ValueError(
                "attention without a context cannot stream; use a causal configuration"
            )
        size = (batch_size, config.heads, config.context - 1, config.channels // config.heads)
        return {
            "keys": torch.zeros(size, device=device, dtype=dtype),
            "values": torch.zeros(size, device=device, dtype=dtype),
            "offset": torch.zeros(batch_size, dtype=torch.int64, device=device),
        }

    def forward(
        self, x: Tensor, state: State | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        """``mask`` [B, T, 1] is 0 on padding."""
        packed = self.in_proj(self.norm(x)).unflatten(-1, (3, self.config.heads, -1))
        q, k, v = packed.permute(2, 0, 3, 1, 4).unbind(0)  # [B, H, T, D]
        offset = None if state is None else tensor(state, "offset")
        if self.config.rotary:
            q, k = self._rotate(q, k, offset)
        new: State | None = None
        if state is not None and offset is not None:
            k = torch.cat([tensor(state, "keys"), k], dim=-2)
            v = torch.cat([tensor(state, "values"), v], dim=-2)
            steps = x.shape[1]
            new = {"keys": k[..., steps:, :], "values": v[..., steps:, :], "offset": offset + steps}
        y = self._attend(q, k, v, offset, mask)
        return self.out_proj(y.transpose(1, 2).flatten(2)), new

    def _rotate(self, q: Tensor, k: Tensor, offset: Tensor | None) -> tuple[Tensor, Tensor]:
        positions = torch.arange(q.shape[-2], device=q.device)[None]
        if offset is not None:
            positions = positions + offset[:, None]
        tables = rope_tables(positions, q.shape[-1], MAX_PERIOD, q.dtype)
        return rotate(q, tables), rotate(k, tables)

    def _attend(
        self, q: Tensor, k: Tensor, v: Tensor, offset: Tensor | None, mask: Tensor | None
    ) -> Tensor:
        if self.config.context is not None:
            return window_attention(q, k, v, self.config.context, offset)
        keys = None if mask is None else mask[:, None].transpose(2, 3) > 0  # [B, 1, 1, T]
        return F.scaled_dot_product_attention(q, k, v, attn_mask=keys)


class ConvolutionModule(StreamingModule):
    """Norm, gated pointwise, depthwise, norm, SiLU, pointwise on [B, T, C]."""

    def __init__(self, config: PseudoConfig) -> None:
        super().__init__()
        channels, causal = config.channels, config.causal
        self.norm = nn.LayerNorm(channels)
        self.expand = Linear(channels, 2 * channels)
        self.depthwise = CausalConv1d(
            channels, channels, config.conv_kernel, groups=channels, causal=causal
        )
        self.batch_norm = nn.BatchNorm1d(channels) if config.norm == "batch" else None
        self.layer_norm = nn.LayerNorm(channels) if config.norm == "layer" else None
        self.project = Linear(channels, channels)
        self.dropout = nn.Dropout(config.dropout)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.depthwise.init_state(batch_size, device, dtype)

    def forward(
        self, x: Tensor, state: State | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        y = F.glu(self.expand(self.norm(x)), dim=-1)
        y = y if mask is None else y * mask
        y, new = self.depthwise(y.transpose(1, 2), state)
        if self.batch_norm is not None:
            y = self.batch_norm(y)
        y = y.transpose(1, 2)
        if self.layer_norm is not None:
            y = self.layer_norm(y)
        return self.dropout(self.project(F.silu(y))), new


class ConformerBlock(StreamingModule):
    """Half feed-forward, attention, convolution, half feed-forward, norm; [B, T, C]."""

    def __init__(self, config: PseudoConfig) -> None:
        super().__init__()
        self.feed_forward1 = FeedForward(config)
        self.attention = SelfAttention(config)
        self.attention_dropout = nn.Dropout(config.dropout)
        self.convolution = ConvolutionModule(config)
        self.feed_forward2 = FeedForward(config)
        self.norm = nn.LayerNorm(config.channels)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return {
            "attention": self.attention.init_state(batch_size, device, dtype),
            "convolution": self.convolution.init_state(batch_size, device, dtype),
        }

    def forward(
        self, x: Tensor, state: State | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        x = x + 0.5 * self.feed_forward1(x)
        y, attention_state = self.attention(x, substate(state, "attention"), mask)
        x = x + self.attention_dropout(y)
        y, convolution_state = self.convolution(x, substate(state, "convolution"), mask)
        x = x + y
        x = self.norm(x + 0.5 * self.feed_forward2(x))
        if attention_state is None or convolution_state is None:
            return x, None
        return x, {"attention": attention_state, "convolution": convolution_state}
