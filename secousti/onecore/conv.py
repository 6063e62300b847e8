"""Causal convolutions of a few frames as one matrix product each."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.acoustic.conv import CausalConv1d, CausalConvTranspose1d
from secousti.onecore.linear import pack
from secousti.onecore.swap import swapped
from secousti.streaming.state import State, StreamingModule, tensor

M = TypeVar("M", bound=nn.Module)


class StepConv(StreamingModule):
    """A dense ``CausalConv1d``: [1, C_in, T] -> [1, C_out, ceil(T / stride)] with a state."""

    def __init__(self, conv: CausalConv1d, dtype: torch.dtype) -> None:
        super().__init__()
        weight = conv.conv.weight
        self.channels, self.kernel_size = weight.shape[1:]
        self.stride, self.padding = conv.stride, conv.padding
        bias = None if conv.conv.bias is None else conv.conv.bias.to(dtype)
        self.linear = pack(weight.flatten(1).to(dtype), bias, "float32")

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        shape = (batch_size, self.channels, self.padding)
        return {"past": torch.zeros(shape, device=device, dtype=dtype)}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        assert state is not None
        inputs = torch.cat([tensor(state, "past"), x], dim=-1)
        past = inputs[..., inputs.shape[-1] - self.padding :]
        inputs = F.pad(inputs, (0, -x.shape[-1] % self.stride))
        windows = inputs[0].unfold(1, self.kernel_size, self.stride)  # [C, T, K]
        return self.linear(windows.transpose(0, 1).flatten(1)).T[None], {"past": past}


class StepConvTranspose(StreamingModule):
    """A ``CausalConvTranspose1d``: [1, C_in, T] -> [1, C_out, stride * T] with a state."""

    def __init__(self, conv: CausalConvTranspose1d, dtype: torch.dtype) -> None:
        super().__init__()
        weight, bias = conv.convtr.weight.detach(), conv.convtr.bias
        self.channels, self.out_channels = weight.shape[:2]
        self.stride, self.memory = conv.stride, conv.memory
        # [C_in, C_out, lag * stride + phase] -> [phase and C_out, C_in and age (oldest first)]
        taps = weight.unflatten(-1, (self.memory + 1, self.stride)).flip(2).permute(3, 1, 0, 2)
        bias = None if bias is None else bias.to(dtype).repeat(self.stride)
        self.linear = pack(taps.flatten(2).flatten(0, 1).to(dtype), bias, "float32")

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        shape = (batch_size, self.channels, self.memory)
        return {"past": torch.zeros(shape, device=device, dtype=dtype)}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        assert state is not None
        inputs = torch.cat([tensor(state, "past"), x], dim=-1)
        windows = inputs[0].unfold(1, self.memory + 1, 1).transpose(0, 1).flatten(1)
        y = self.linear(windows).view(-1, self.out_channels)  # [T * stride, C_out]
        return y.T[None], {"past": inputs[..., x.shape[-1] :]}


def packed_conv(module: nn.Module, dtype: torch.dtype) -> nn.Module | None:
    """A dense causal convolution as one matrix product; ``None`` for any other module."""
    if isinstance(module, CausalConv1d):
        return StepConv(module, dtype) if module.conv.groups == 1 else None
    if isinstance(module, CausalConvTranspose1d):
        return StepConvTranspose(module, dtype)
    return None


def with_packed_convs(module: M, dtype: torch.dtype) -> M:
    """A copy of ``module`` whose dense causal convolutions, at any depth, are matrix products."""
    return swapped(module, lambda child: packed_conv(child, dtype))
