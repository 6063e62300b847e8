"""SEANet encoder and decoder over mel frames (release, sections 2.3, 3 and 4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from secousti.acoustic.conv import CausalConv1d, CausalConvTranspose1d
from secousti.acoustic.token_attention import TokenAttention
from secousti.config import SEANetConfig, TokenAttentionConfig
from secousti.streaming.state import State, StreamingModule, StreamingSequential, substate


class ResidualBlock(StreamingModule):
    """``x + conv1(ELU(conv3(ELU(x))))`` with a narrower middle; [B, C, T] -> [B, C, T]."""

    def __init__(self, channels: int, config: SEANetConfig) -> None:
        super().__init__()
        hidden = channels // config.compress
        causal = config.causal
        self.block = StreamingSequential(
            nn.ELU(),
            CausalConv1d(channels, hidden, config.residual_kernel_size, causal=causal),
            nn.ELU(),
            CausalConv1d(hidden, channels, 1, causal=causal),
        )

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.block.init_state(batch_size, device, dtype)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        y, state = self.block(x, state)
        return x + y, state


class SEANetEncoder(StreamingModule):
    """Mel frames [B, n_mels, T] -> z [B, dimension, ceil(T / prod(ratios))].

    Each ratio is a strided convolution that doubles the channels; all but the last are followed
    by a residual block.
    """

    def __init__(
        self, n_mels: int, config: SEANetConfig, attention: TokenAttentionConfig | None = None
    ) -> None:
        super().__init__()
        causal, width = config.causal, config.n_filters
        layers: list[nn.Module] = [CausalConv1d(n_mels, width, config.kernel_size, causal=causal)]
        for ratio in reversed(config.ratios):
            layers += [
                ResidualBlock(width, config),
                nn.ELU(),
                CausalConv1d(width, 2 * width, 2 * ratio, ratio, causal=causal),
            ]
            width *= 2
        # The release has no residual block after the last stride.
        layers += [
            nn.ELU(),
            CausalConv1d(width, config.dimension, config.last_kernel_size, causal=causal),
        ]
        self.layers = StreamingSequential(*layers)
        self.stride = math.prod(config.ratios)
        self.attention = (
            None if attention is None else TokenAttention(n_mels, self.stride, attention)
        )

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.layers.init_state(batch_size, device, dtype)

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        """``lengths`` (int64 [B], frames): what lies beyond is padding and leaves no trace."""
        if self.attention is not None:
            x = self.attention(x if lengths is None else _cut(x, lengths))
        if lengths is None:
            return self.layers(x, state)
        new: State = {}
        for i, layer in enumerate(self.layers.layers):
            if isinstance(layer, StreamingModule):
                if isinstance(layer, CausalConv1d) and layer.stride > 1:
                    # A strided step at the end of a row must see zeros there, as it does alone.
                    x = _cut(x, lengths)
                    lengths = -(-lengths // layer.stride)
                x, new_state = layer(x, substate(state, str(i)))
                if new_state is not None:
                    new[str(i)] = new_state
            else:
                x = layer(x)
        return x, (None if state is None else new)


def _cut(x: Tensor, lengths: Tensor) -> Tensor:
    """[B, C, T] with zeros from each row's length (int64 [B]) on."""
    return x * (torch.arange(x.shape[-1], device=x.device) < lengths[:, None])[:, None]


class SEANetDecoder(StreamingModule):
    """[B, dimension, L] -> log-mel [B, n_mels, L * prod(ratios)]; a mirror of the encoder."""

    def __init__(self, n_mels: int, config: SEANetConfig) -> None:
        super().__init__()
        causal, width = config.causal, config.n_filters * 2 ** len(config.ratios)
        layers: list[nn.Module] = [
            CausalConv1d(config.dimension, width, config.kernel_size, causal=causal)
        ]
        for ratio in config.ratios:
            layers += [
                nn.ELU(),
                CausalConvTranspose1d(width, width // 2, 2 * ratio, ratio, causal=causal),
                ResidualBlock(width // 2, config),
            ]
            width //= 2
        layers += [nn.ELU(), CausalConv1d(width, n_mels, config.last_kernel_size, causal=causal)]
        self.layers = StreamingSequential(*layers)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.layers.init_state(batch_size, device, dtype)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        return self.layers(x, state)
