"""Causal 1-D convolutions with an explicit state (Encodec/Mimi lineage; release, section 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.streaming.state import State, StreamingModule, tensor


class CausalConv1d(StreamingModule):
    """Convolution of [B, C_in, T] that sees no future: output length ceil(T / stride).

    All padding is zeros: ``(kernel - 1) * dilation + 1 - stride`` on the left and, when T is not
    a multiple of the stride, what completes the last step on the right. A streaming chunk must
    therefore be a multiple of the stride, except the last one of a stream.

    With ``causal=False`` the left padding is shared between both sides (the "w/o causal" rows of
    the paper's Table II); such a layer has no streaming state.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        causal: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(
            in_channels, out_channels, kernel_size, stride, 0, dilation, groups, bias
        )
        self.stride = stride
        self.causal = causal
        self.padding = (kernel_size - 1) * dilation + 1 - stride

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        if not self.causal:
            raise ValueError("a non-causal convolution cannot stream; use a causal configuration")
        shape = (batch_size, self.conv.in_channels, self.padding)
        return {"past": torch.zeros(shape, device=device, dtype=dtype)}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        """[B, C_in, T] -> [B, C_out, ceil(T / stride)]."""
        missing = -x.shape[-1] % self.stride
        if state is None:
            right = 0 if self.causal else self.padding // 2
            x = F.pad(x, (self.padding - right, right + missing))
            return self.conv(x), None
        x = torch.cat([tensor(state, "past"), x], dim=-1)
        past = x[..., x.shape[-1] - self.padding :]
        return self.conv(F.pad(x, (0, missing))), {"past": past}


class CausalConvTranspose1d(StreamingModule):
    """Transposed convolution of [B, C_in, T] to [B, C_out, stride * T].

    The kernel is a multiple of the stride; the tail beyond ``stride * T`` is trimmed, so output
    step t depends on no input after ``t // stride``. The state is the input still ringing.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        causal: bool = True,
    ) -> None:
        super().__init__()
        if kernel_size % stride:
            raise ValueError(f"kernel_size {kernel_size} is not a multiple of stride {stride}")
        self.convtr = nn.ConvTranspose1d(in_channels, out_channels, kernel_size, stride)
        self.stride = stride
        self.causal = causal
        self.memory = kernel_size // stride - 1  # earlier inputs that an output step still needs

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        if not self.causal:
            raise ValueError("a non-causal convolution cannot stream; use a causal configuration")
        shape = (batch_size, self.convtr.in_channels, self.memory)
        return {"past": torch.zeros(shape, device=device, dtype=dtype)}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        """[B, C_in, T] -> [B, C_out, stride * T]."""
        length = self.stride * x.shape[-1]
        if state is None:
            start = 0 if self.causal else self.memory * self.stride // 2
            return self.convtr(x)[..., start : start + length], None
        x = torch.cat([tensor(state, "past"), x], dim=-1)
        start = self.memory * self.stride
        past = x[..., x.shape[-1] - self.memory :]
        return self.convtr(x)[..., start : start + length], {"past": past}
