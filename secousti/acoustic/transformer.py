"""The causal transformer of every projection: pre-norm, RoPE, layer scale (release, section 5)."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.acoustic.attention import offline_tables, rope_tables, rotate, window_attention
from secousti.acoustic.injection import modulated
from secousti.acoustic.linear import Linear
from secousti.config import TransformerConfig
from secousti.streaming.state import State, StreamingModule, substate, tensor


class Attention(nn.Module):
    """Multi-head self-attention in a window of ``config.context`` positions."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.in_proj = Linear(config.d_model, 3 * config.d_model, bias=False)
        self.out_proj = Linear(config.d_model, config.d_model, bias=False)

    def init_state(
        self, batch_size: int, device: torch.device | None, dtype: torch.dtype | None
    ) -> State:
        heads = self.config.num_heads
        shape = (batch_size, heads, self.config.context - 1, self.config.d_model // heads)
        return {
            "keys": torch.zeros(shape, device=device, dtype=dtype),
            "values": torch.zeros(shape, device=device, dtype=dtype),
        }

    def forward(
        self,
        x: Tensor,
        tables: tuple[Tensor, Tensor],
        state: State | None,
        offset: Tensor | None,
    ) -> tuple[Tensor, State | None]:
        """[B, T, d_model] -> the same; ``offset`` int64 [B] comes with ``state``."""
        packed = rearrange(
            self.in_proj(x), "b t (n h d) -> n b h t d", n=3, h=self.config.num_heads
        )
        both, v = packed.split([2, 1])
        q, k = rotate(both, tables).unbind(0)
        v = v.squeeze(0)
        new: State | None = None
        if state is not None:
            k = torch.cat([tensor(state, "keys"), k], dim=-2)
            v = torch.cat([tensor(state, "values"), v], dim=-2)
            start = x.shape[1]  # keep the last context - 1 positions
            new = {"keys": k[..., start:, :], "values": v[..., start:, :]}
        if self.config.causal:
            y = window_attention(q, k, v, self.config.context, offset)
        else:
            y = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(rearrange(y, "b h t d -> b t (h d)")), new


class LayerScale(nn.Module):
    """A learnt gain per channel."""

    def __init__(self, channels: int, init: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), init))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class TransformerLayer(nn.Module):
    """``x + s1 * Attn(LN(x))``, then ``x + s2 * W2 gelu(W1 LN(x))``."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        d_model = config.d_model
        self.norm1 = nn.LayerNorm(d_model)
        self.attention = Attention(config)
        self.layer_scale1 = LayerScale(d_model, config.layer_scale)
        self.norm2 = nn.LayerNorm(d_model)
        self.linear1 = Linear(d_model, config.dim_feedforward, bias=False)
        self.linear2 = Linear(config.dim_feedforward, d_model, bias=False)
        self.layer_scale2 = LayerScale(d_model, config.layer_scale)

    def forward(
        self,
        x: Tensor,
        tables: tuple[Tensor, Tensor],
        state: State | None,
        offset: Tensor | None,
        modulation: Tensor | None = None,
    ) -> tuple[Tensor, State | None]:
        """``modulation`` [B, 4, d_model]: gain and bias of each norm, if a voice is injected."""
        y = self.norm1(x)
        if modulation is not None:
            y = modulated(y, modulation[:, 0], modulation[:, 1])
        y, new = self.attention(y, tables, state, offset)
        x = x + self.layer_scale1(y)
        y = self.norm2(x)
        if modulation is not None:
            y = modulated(y, modulation[:, 2], modulation[:, 3])
        y = self.linear2(self.linear1.gelu(y))
        return x + self.layer_scale2(y), new


class Transformer(StreamingModule):
    """[B, input_dim, T] -> [B, output_dim, T], looking back ``context`` positions per layer.

    The input and output projections exist only where sizes differ (no bias). The state holds
    ``context - 1`` keys and values per layer and each stream's position.
    """

    def __init__(
        self,
        config: TransformerConfig,
        num_layers: int,
        input_dim: int | None = None,
        output_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.input_proj = _projection(input_dim or config.d_model, config.d_model)
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(num_layers))
        self.output_proj = _projection(config.d_model, output_dim or config.d_model)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        if not self.config.causal:
            raise ValueError("a non-causal transformer cannot stream; use a causal configuration")
        state: State = {"offset": torch.zeros(batch_size, dtype=torch.int64, device=device)}
        for i, layer in enumerate(self.layers):
            assert isinstance(layer, TransformerLayer)
            state[str(i)] = layer.attention.init_state(batch_size, device, dtype)
        return state

    def forward(
        self, x: Tensor, state: State | None = None, modulation: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        """``modulation`` [B, layers, 4, d_model] is what ``VoiceInjection`` makes of a voice."""
        x = self.input_proj(x.transpose(1, 2))  # [B, T, D]
        offset = None if state is None else tensor(state, "offset")
        tables = self._tables(x, offset)
        new: State = {} if offset is None else {"offset": offset + x.shape[1]}
        for i, layer in enumerate(self.layers):
            own = None if modulation is None else modulation[:, i]
            x, layer_state = layer(x, tables, substate(state, str(i)), offset, own)
            if layer_state is not None:
                new[str(i)] = layer_state
        y = self.output_proj(x).transpose(1, 2)
        return y, (None if state is None else new)

    def _tables(self, x: Tensor, offset: Tensor | None) -> tuple[Tensor, Tensor]:
        """Rotary tables of [B, T, D] whose streams are at ``offset`` int64 [B]."""
        head_dim = self.config.d_model // self.config.num_heads
        rest = (head_dim, self.config.max_period, x.dtype)
        if offset is None:
            return offline_tables(x.shape[1], *rest, x.device)
        positions = torch.arange(x.shape[1], device=x.device)[None] + offset[:, None]
        return rope_tables(positions, *rest)


def _projection(input_dim: int, output_dim: int) -> nn.Module:
    if input_dim == output_dim:
        return nn.Identity()
    return Linear(input_dim, output_dim, bias=False)
