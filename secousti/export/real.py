"""Complex arithmetic as pairs of real tensors, for graphs that know no complex numbers.

Inside ``real_arithmetic()`` the few complex functions that the codec and its vocoder use return
``Pair`` objects: Fourier transforms become products of matrices (``dft``). The model's
own code runs unchanged, so what is exported cannot differ from what is trained.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from secousti.export.dft import irdft, rdft
from secousti.export.double import ARITHMETIC, LACKING, exact_scalars, in_float64

_table_unfold = Tensor.unfold


class Pair:
    """``real + i imag``, elementwise."""

    def __init__(self, real: Tensor, imag: Tensor) -> None:
        self.real, self.imag = real, imag

    @property
    def shape(self) -> torch.Size:
        """Of either part."""
        return self.real.shape

    @property
    def mT(self) -> Pair:
        """Last two dimensions swapped."""
        return Pair(self.real.mT, self.imag.mT)

    def __mul__(self, other: Pair | Tensor) -> Pair:
        if isinstance(other, Pair):
            real = self.real * other.real - self.imag * other.imag
            return Pair(real, self.real * other.imag + self.imag * other.real)
        return Pair(self.real * other, self.imag * other)

    __rmul__ = __mul__

    def __add__(self, other: Pair) -> Pair:
        return Pair(self.real + other.real, self.imag + other.imag)

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        replacement = _REPLACED.get(func)
        return NotImplemented if replacement is None else replacement(*args, **(kwargs or {}))


class real_arithmetic(TorchFunctionMode):
    """A context in which complex functions give pairs, and float64 layers are spelled out."""

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in ARITHMETIC:
            args = exact_scalars(args)
        if func in LACKING and in_float64(args, kwargs):
            return LACKING[func](*args, **kwargs)
        replacement = _REPLACED.get(func)
        return (replacement or func)(*args, **kwargs)


def _rfft(x: Tensor) -> Pair:
    return Pair(*rdft(x))


def _irfft(x: Pair, n: int | None = None) -> Tensor:
    return irdft(x.real, x.imag, n or 2 * (x.real.shape[-1] - 1))


def _stft(x: Tensor, n_fft: int, hop_length: int, *, window: Tensor, **options: Any) -> Pair:
    """[B, N] -> [B, n_fft // 2 + 1, T]."""
    assert options["center"] is False
    assert options["return_complex"]
    return _rfft(_unfold(x, -1, n_fft, hop_length) * window).mT


def _unfold(x: Tensor, dim: int, size: int, step: int) -> Tensor:
    """``Tensor.unfold``; where windows are whole steps, of slices instead of a table of indices."""
    if dim not in (-1, x.dim() - 1) or size % step or x.shape[-1] % step:
        return _table_unfold(x, dim, size, step)
    steps = x.unflatten(-1, (x.shape[-1] // step, step))
    count = steps.shape[-2] - size // step + 1
    return torch.cat([steps[..., i : i + count, :] for i in range(size // step)], dim=-1)


def _polar(magnitude: Tensor, angle: Tensor) -> Pair:
    return Pair(magnitude * angle.cos(), magnitude * angle.sin())


def _as_complex(x: Tensor) -> Pair:
    real, imag = x.unbind(-1)
    return Pair(real, imag)


_REPLACED: dict[Any, Callable] = {
    torch.fft.rfft: _rfft,
    torch.fft.irfft: _irfft,
    torch.stft: _stft,
    Tensor.unfold: _unfold,
    torch.polar: _polar,
    torch.view_as_complex: _as_complex,
}
