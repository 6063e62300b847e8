"""Complex arithmetic as pairs of real tensors, for graphs that know no complex numbers.

Inside ``real_arithmetic()`` the few complex functions that the codec and its vocoder use return
``Pair`` objects: Fourier transforms become products with cosine and sine matrices. The model's
own code runs unchanged, so what is exported cannot differ from what is trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from secousti.export.double import ARITHMETIC, LACKING, exact_scalars, in_float64


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


def _angles(n: int, device: torch.device) -> Tensor:
    """2 pi k t / n, float64 [n // 2 + 1, n]; the product is reduced first, to stay exact."""
    k = torch.arange(n // 2 + 1, device=device)[:, None]
    t = torch.arange(n, device=device)
    return (k * t % n).double() * (2 * math.pi / n)


def _rfft(x: Tensor) -> Pair:
    angles = _angles(x.shape[-1], x.device)
    return Pair(x @ angles.cos().to(x.dtype).T, x @ -angles.sin().to(x.dtype).T)


def _irfft(x: Pair, n: int | None = None) -> Tensor:
    n = n or 2 * (x.real.shape[-1] - 1)
    angles = _angles(n, x.real.device)
    weight = torch.full((n // 2 + 1, 1), 2.0 / n, dtype=torch.float64, device=x.real.device)
    weight[0] = weight[-1] = 1.0 / n
    cos, sin = (angles.cos() * weight).to(x.real.dtype), (angles.sin() * weight).to(x.real.dtype)
    return x.real @ cos - x.imag @ sin


def _stft(x: Tensor, n_fft: int, hop_length: int, *, window: Tensor, **options: Any) -> Pair:
    """[B, N] -> [B, n_fft // 2 + 1, T], as one strided convolution."""
    assert options["center"] is False
    assert options["return_complex"]
    angles = _angles(n_fft, x.device)
    basis = torch.cat([angles.cos(), -angles.sin()]) * window.double()
    spectrum = F.conv1d(x[:, None], basis.to(x.dtype)[:, None], stride=hop_length)
    real, imag = spectrum.chunk(2, dim=1)
    return Pair(real, imag)


def _polar(magnitude: Tensor, angle: Tensor) -> Pair:
    return Pair(magnitude * angle.cos(), magnitude * angle.sin())


def _as_complex(x: Tensor) -> Pair:
    real, imag = x.unbind(-1)
    return Pair(real, imag)


_REPLACED: dict[Any, Callable] = {
    torch.fft.rfft: _rfft,
    torch.fft.irfft: _irfft,
    torch.stft: _stft,
    torch.polar: _polar,
    torch.view_as_complex: _as_complex,
}
