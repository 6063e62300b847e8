"""Orthonormal MDCT and its inverse with a sine window, whole or as a stream."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.streaming.state import State, StreamingModule, tensor


def mdct_basis(size: int) -> Tensor:
    """Windowed cosines, float32 [2 * size, size]; orthonormal across overlapping frames.

    ``sqrt(2/N) sin(pi/2N (n + 1/2)) cos(pi/N (n + 1/2 + N/2)(k + 1/2))`` for sample n, bin k.
    """
    n = torch.arange(2 * size, dtype=torch.float64)[:, None] + 0.5
    k = torch.arange(size, dtype=torch.float64) + 0.5
    window = torch.sin(math.pi / (2 * size) * n)
    basis = window * torch.cos(math.pi / size * (n + size / 2) * k) * math.sqrt(2 / size)
    return basis.float()


class _Lapped(StreamingModule):
    """A transform with ``mdct_basis`` whose state is one half of a frame, [B, 1, size]."""

    basis: Tensor
    _kept: ClassVar[str]

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("basis", mdct_basis(size), persistent=False)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return {self._kept: torch.zeros(batch_size, 1, self.size, device=device, dtype=dtype)}


class MDCT(_Lapped):
    """Audio [B, 1, T] -> coefficients [B, size, T / size].

    Frame t is computed from samples ``(t - 1) * size`` to ``(t + 1) * size - 1`` (zeros before
    the start): it is complete as soon as its last sample is. T is a multiple of ``size``; the
    caller appends ``size`` zeros for the frame that ends the signal.
    """

    _kept = "past"

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        if state is None:
            x = F.pad(x, (self.size, 0))
        else:
            x = torch.cat([tensor(state, "past"), x], dim=-1)
        blocks = x[:, 0].unfold(-1, 2 * self.size, self.size)  # [B, T / size, 2 * size]
        new: State | None = None if state is None else {"past": x[..., x.shape[-1] - self.size :]}
        return (blocks @ self.basis).transpose(1, 2), new


class IMDCT(_Lapped):
    """Coefficients [B, size, T] -> audio [B, 1, T * size], ``size`` samples late.

    Output sample n is sample ``n - size`` of the signal: a frame's second half is final only when
    the next frame has been added to it. With that delay, ``IMDCT(MDCT(x))`` is ``x``.
    """

    _kept = "overlap"

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        first, second = (x.transpose(1, 2) @ self.basis.t()).chunk(2, dim=-1)  # [B, T, size]
        overlap = torch.zeros_like(first[:, :1]) if state is None else tensor(state, "overlap")
        carried = torch.cat([overlap, second], dim=1)
        audio = (first + carried[:, :-1]).flatten(1)[:, None]
        return audio, (None if state is None else {"overlap": carried[:, -1:]})


def spectrum(mdct: nn.Module, audio: Tensor) -> Tensor:
    """All coefficients of audio [B, 1, T] of any length: [B, size, ceil(T / size) + 1]."""
    size = mdct.size
    assert isinstance(size, int)
    padded = F.pad(audio, (0, -audio.shape[-1] % size + size))
    coefficients: Tensor = mdct(padded)[0]
    return coefficients
