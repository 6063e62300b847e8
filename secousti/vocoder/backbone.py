"""Causal ConvNeXt backbone (Liu et al. 2022, in one dimension as in Vocos, left-padded)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from secousti.acoustic.conv import CausalConv1d
from secousti.acoustic.linear import Linear
from secousti.streaming.state import State, StreamingModule, StreamingSequential


class ConvNeXtBlock(StreamingModule):
    """Depthwise causal convolution, normalisation and an inverted bottleneck, residual."""

    def __init__(self, channels: int, kernel_size: int, expansion: int, scale: float) -> None:
        super().__init__()
        self.depthwise = CausalConv1d(channels, channels, kernel_size, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = Linear(channels, expansion * channels)
        self.narrow = Linear(expansion * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), scale))

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.depthwise.init_state(batch_size, device, dtype)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        """[B, C, T] -> [B, C, T]."""
        y, state = self.depthwise(x, state)
        y = self.narrow(self.widen.gelu(self.norm(y.mT)))  # [B, T, C]
        return x + (self.gamma * y).mT, state


class ConvNeXt(StreamingModule):
    """[B, C_in, T] -> [B, C, T]: an input convolution, the blocks, and a last normalisation."""

    def __init__(
        self, in_channels: int, channels: int, layers: int, kernel_size: int, expansion: int
    ) -> None:
        super().__init__()
        blocks = (
            ConvNeXtBlock(channels, kernel_size, expansion, 1 / layers) for _ in range(layers)
        )
        self.convs = StreamingSequential(CausalConv1d(in_channels, channels, kernel_size), *blocks)
        self.norm = nn.LayerNorm(channels)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.convs.init_state(batch_size, device, dtype)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        x, state = self.convs(x, state)
        return self.norm(x.mT).mT, state
