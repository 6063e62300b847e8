"""Convolutions that look ahead, in one call or as a stream with a known delay.

HiFi-GAN and HiFT were trained with padding on both sides. As a stream such a layer can only
answer late, and a signal that has passed several of them carries its own clock: ``Timed`` holds
the time index of its first value for each stream. Offline all signals start at time 0. What lies
before time 0 is zero at the input of every layer, exactly as the padding of the offline call is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.streaming.state import State, substate, tensor


class Timed(NamedTuple):
    """``values`` [B, C, N]; ``start`` int64 [B]: time index of the first (offline ``None``)."""

    values: Tensor
    start: Tensor | None = None

    def map(self, fn: Callable[[Tensor], Tensor]) -> Timed:
        """The same times, other values."""
        return Timed(fn(self.values), self.start)

    def times(self) -> Tensor:
        """int64 [B, N]; offline [1, N]."""
        steps = torch.arange(self.values.shape[-1], device=self.values.device)
        return steps[None] if self.start is None else self.start[:, None] + steps

    def silenced(self) -> Timed:
        """Zero before time 0."""
        if self.start is None:
            return self
        return self.map(lambda values: values * (self.times() >= 0)[:, None].to(values.dtype))


class _KeepsPast:
    """A convolution whose state is its last ``memory`` inputs."""

    in_channels: int
    memory: int
    weight: Tensor

    def init_state(self, batch_size: int, device: torch.device | None = None) -> State:
        shape = (batch_size, self.in_channels, self.memory)
        return {"past": torch.zeros(shape, device=device, dtype=self.weight.dtype)}


class TimedConv1d(_KeepsPast, nn.Conv1d):
    """Convolution with ``left`` + ``right`` zeros of padding, computed in its input's type.

    The default is the usual symmetric padding; ``right=0`` makes it causal. A streamed chunk of a
    strided layer must start and end at multiples of the stride.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
        causal: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, 0, dilation)
        span = (kernel_size - 1) * dilation
        total = span + 1 - stride
        self.right = 0 if causal else total // 2
        self.left = total - self.right
        self.lag = -(-self.right // stride)
        self.memory = stride * self.lag + self.left

    def forward(  # type: ignore[override]
        self, x: Timed, state: State | None
    ) -> tuple[Timed, State | None]:
        if state is None or x.start is None:
            return x.map(
                lambda values: self._convolve(F.pad(values, (self.left, self.right)))
            ), None
        values = torch.cat([tensor(state, "past").to(x.values.dtype), x.values], dim=-1)
        past = values[..., values.shape[-1] - self.memory :]
        out = Timed(self._convolve(values), x.start // self.stride[0] - self.lag)
        return out.silenced(), {"past": past}

    def _convolve(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.conv1d(x, self.weight.to(x.dtype), bias, self.stride, 0, self.dilation)


class TimedConvTranspose1d(_KeepsPast, nn.ConvTranspose1d):
    """Transposed convolution [N] -> [stride * N]; the kernel is a multiple of the stride.

    Half of what rings beyond ``stride * N`` is trimmed in front (causal: nothing).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        causal: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride)
        self.lag = 0 if causal else (kernel_size - stride) // 2
        self.memory = kernel_size // stride - 1

    def forward(  # type: ignore[override]
        self, x: Timed, state: State | None
    ) -> tuple[Timed, State | None]:
        length = self.stride[0] * x.values.shape[-1]
        if state is None or x.start is None:
            whole = super().forward(x.values)
            return Timed(whole[..., self.lag : self.lag + length]), None
        values = torch.cat([tensor(state, "past"), x.values], dim=-1)
        past = values[..., values.shape[-1] - self.memory :]
        begin = self.stride[0] * self.memory
        whole = super().forward(values)[..., begin : begin + length]
        return Timed(whole, self.stride[0] * x.start - self.lag).silenced(), {"past": past}


class DelayLine(nn.Module):
    """Holds a signal back by ``lag`` steps, so that it meets another one; offline the identity."""

    def __init__(self, channels: int, lag: int) -> None:
        super().__init__()
        self.channels = channels
        self.lag = lag

    def init_state(self, batch_size: int, device: torch.device | None = None) -> State:
        return {"past": torch.zeros(batch_size, self.channels, self.lag, device=device)}

    def forward(self, x: Timed, state: State | None) -> tuple[Timed, State | None]:
        if state is None or x.start is None:
            return x, None
        values = torch.cat([tensor(state, "past").to(x.values.dtype), x.values], dim=-1)
        count = x.values.shape[-1]
        return Timed(values[..., :count], x.start - self.lag), {"past": values[..., count:]}


class ResidualUnit(nn.Module):
    """For each dilation: x + conv(act(dilated conv(act(x)))), the first kind of Kong et al."""

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        dilations: tuple[int, ...],
        activation: Callable[[int], nn.Module],
        causal: bool = False,
    ) -> None:
        super().__init__()
        first = [
            TimedConv1d(channels, channels, kernel_size, dilation=d, causal=causal)
            for d in dilations
        ]
        second = [TimedConv1d(channels, channels, kernel_size, causal=causal) for _ in dilations]
        waits = [DelayLine(channels, a.lag + b.lag) for a, b in zip(first, second, strict=True)]
        self.convs1, self.convs2 = nn.ModuleList(first), nn.ModuleList(second)
        self.delays = nn.ModuleList(waits)
        self.activations1 = nn.ModuleList(activation(channels) for _ in dilations)
        self.activations2 = nn.ModuleList(activation(channels) for _ in dilations)
        self.lag = sum(wait.lag for wait in waits)

    def _parts(self) -> dict[str, nn.Module]:
        named = (("1", self.convs1), ("2", self.convs2), ("x", self.delays))
        return {f"{name}{i}": part for name, parts in named for i, part in enumerate(parts)}

    def init_state(self, batch_size: int, device: torch.device | None = None) -> State:
        return init_parts(self._parts(), batch_size, device)

    def forward(self, x: Timed, state: State | None) -> tuple[Timed, State | None]:
        run = PartRunner(self._parts(), state)
        for i, (act1, act2) in enumerate(zip(self.activations1, self.activations2, strict=True)):
            y = run(f"1{i}", x.map(act1))
            y = run(f"2{i}", y.map(act2))
            x = add(run(f"x{i}", x), y)
        return x, run.new_state()


class UnitMean(nn.Module):
    """The mean of several residual units of the same input, whatever their lags."""

    def __init__(self, units: list[ResidualUnit], channels: int) -> None:
        super().__init__()
        self.units = units  # registered by the owner, under the names of the release
        self.lag = max(unit.lag for unit in units)
        self.delays = nn.ModuleList(DelayLine(channels, self.lag - unit.lag) for unit in units)

    def _parts(self) -> dict[str, nn.Module]:
        units = {f"u{i}": unit for i, unit in enumerate(self.units)}
        return {**units, **{f"d{i}": delay for i, delay in enumerate(self.delays)}}

    def init_state(self, batch_size: int, device: torch.device | None = None) -> State:
        return init_parts(self._parts(), batch_size, device)

    def forward(self, x: Timed, state: State | None) -> tuple[Timed, State | None]:
        run = PartRunner(self._parts(), state)
        outs = [run(f"d{i}", run(f"u{i}", x)) for i in range(len(self.units))]
        total = outs[0]
        for out in outs[1:]:
            total = add(total, out)
        return total.map(lambda values: values / len(outs)), run.new_state()


class PartRunner:
    """Runs named parts one by one and collects their new states."""

    def __init__(self, parts: dict[str, nn.Module], state: State | None) -> None:
        self._parts = parts
        self._state = state
        self._new: State = {}

    def __call__(self, name: str, x: Timed) -> Timed:
        y, state = self._parts[name](x, substate(self._state, name))
        if state is not None:
            self._new[name] = state
        return y

    def new_state(self) -> State | None:
        return None if self._state is None else self._new


def init_parts(parts: dict[str, nn.Module], batch_size: int, device: torch.device | None) -> State:
    """The states of named parts before the first chunk."""
    return {name: part.init_state(batch_size, device) for name, part in parts.items()}  # type: ignore[operator]


def add(a: Timed, b: Timed) -> Timed:
    """The sum of two signals that run at the same time."""
    return Timed(a.values + b.values, a.start)


def leaky_relu(slope: float) -> Callable[[Tensor], Tensor]:
    """The activation between the stages."""
    return lambda x: F.leaky_relu(x, slope)


def late(audio: Tensor, delay: int) -> Tensor:
    """[B, 1, N] moved ``delay`` samples later, the same length."""
    padded = F.pad(audio, (delay, 0))
    return padded[..., : audio.shape[-1]]
