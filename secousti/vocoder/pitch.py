"""The fundamental frequency of a log-mel spectrogram, computed in double precision.

The phase of a pulse train is the running sum of the fundamental: single precision, whose rounding
depends on how many frames are computed together, would let a long stream drift away from the
offline result. In double precision the difference stays far below one step of the phase.
"""

from __future__ import annotations

from itertools import pairwise
from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.devices import wide_dtype
from secousti.streaming.state import State, StreamingModule, init_states, numbered, substate, tensor

F0_RANGE = (55.0, 600.0)  # Hz
_BINS = 128
_KERNEL = 5
_LAYERS = 4


class WideConv(StreamingModule):
    """Causal convolution of [B, T, C_in] to [B, T, C_out] in double precision."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.linear = nn.Linear(_KERNEL * in_channels, out_channels)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        shape = (batch_size, _KERNEL - 1, self.in_channels)
        return {"past": torch.zeros(shape, device=device, dtype=wide_dtype(device))}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        if state is None:
            x = F.pad(x, (0, 0, _KERNEL - 1, 0))
        else:
            x = torch.cat([tensor(state, "past"), x], dim=1)
        past = x[:, x.shape[1] - _KERNEL + 1 :]
        windows = x.unfold(1, _KERNEL, 1).flatten(2)  # [B, T, C_in * K]
        y = F.linear(windows, self.linear.weight.to(x.dtype), self.linear.bias.to(x.dtype))
        return y, None if state is None else {"past": past}


class PitchNet(StreamingModule):
    """Log-mel [B, T, n_mels] -> scores of log-spaced fundamentals, float64 [B, T, bins].

    Every frame is normalised first: the pattern of harmonics counts, not the level.
    """

    def __init__(self, n_mels: int, channels: int) -> None:
        super().__init__()
        sizes = [n_mels] + [channels] * _LAYERS
        self.convs = nn.ModuleList(WideConv(a, b) for a, b in pairwise(sizes))
        self.out = nn.Linear(channels, _BINS)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return init_states(numbered(self.convs), batch_size, device, dtype)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        new: State = {}
        x = _normalise(x.to(wide_dtype(x.device)))
        for i, conv in enumerate(self.convs):
            y, conv_state = conv(x, substate(state, str(i)))
            y = F.gelu(_normalise(y))
            x = y if i == 0 else x + y
            if conv_state is not None:
                new[str(i)] = conv_state
        weight, bias = self.out.weight.to(x.dtype), self.out.bias.to(x.dtype)
        return F.linear(_normalise(x), weight, bias), None if state is None else new


def pitch_octaves(scores: Tensor) -> Tensor:
    """log2 of the fundamental of each of the bins, [bins], as ``scores`` are."""
    low, high = (log2(hz) for hz in F0_RANGE)
    return torch.linspace(low, high, _BINS, dtype=scores.dtype, device=scores.device)


def fundamental(scores: Tensor) -> Tensor:
    """[B, T, bins] -> Hz [B, T]: the mean of the distribution over log-spaced bins.

    A mean has no jumps of its own, unlike the best bin.
    """
    return torch.exp2(scores.softmax(-1) @ pitch_octaves(scores))


def _normalise(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])
