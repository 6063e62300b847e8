"""Linear layers for one frame at a time, whose cost is the reading of their weights."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.errors import SecoustiError
from secousti.onecore.build import instructions

Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")

# Up to so many bytes of float32 weights that decide tokens, int8 would save a millisecond and
# change ids: they stay as they are.
EXACT_BYTES = 32 << 20

_engine_lock = threading.Lock()  # torch packs weights by a setting of the whole process


class PackedLinear(nn.Module, ABC):
    """[M, in_features] -> [M, out_features] with weights in the order the kernel reads them."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """float32 in, float32 out (``ExactLinear``: the dtype of its weights)."""


class ExactLinear(PackedLinear):
    """The weights as they are, float32 in oneDNN's own order where that exists."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        reorder = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
        self._onednn = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
        packs = reorder is not None and weight.dtype == torch.float32
        self._packed = packs and self._onednn is not None and weight.device.type == "cpu"
        # Not parameters: a packed tensor is opaque, and nobody trains or saves it.
        self.weight = reorder(weight, 1) if self._packed and reorder else weight
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        if self._packed and self._onednn is not None:
            return self._onednn(x, self.weight, self.bias, "none", [], "")
        return F.linear(x, self.weight, self.bias)


class HalfLinear(PackedLinear):
    """float16 weights; inputs and sums stay float32 (FBGEMM)."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        if "fbgemm" not in torch.backends.quantized.supported_engines:
            raise SecoustiError(
                "float16 weights need PyTorch's FBGEMM, which this processor or build does not "
                "have: use precision 'int8' or 'float32'"
            )
        with _engine("fbgemm"):
            self._packed = torch.ops.quantized.linear_prepack_fp16(weight.float(), _wide(bias))

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.quantized.linear_dynamic_fp16(x, self._packed)


class Int8Linear(PackedLinear):
    """int8 weights with a scale per output; each input row gets its own 8-bit scale.

    Rows are worked on one by one, so that what a row becomes never depends on its neighbours.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        with _engine(_int8_engine()):
            self._packed = torch.ops.quantized.linear_prepack(int8_weights(weight), _wide(bias))
        # Without VNNI products are summed in pairs of 16 bits: inputs must keep to 7 bits.
        self._narrow = "avx512_vnni" not in instructions()

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] == 1:
            return torch.ops.quantized.linear_dynamic(x, self._packed, self._narrow)
        return torch.cat([self.forward(row) for row in x.split(1)])


def int8_weights(weight: Tensor) -> Tensor:
    """``weight`` [out_features, in_features] in 8 bits, symmetric, with a scale per output."""
    weight = weight.float()
    scales = weight.abs().amax(1).clamp(min=1e-12).double() / 127
    zeros = torch.zeros(len(weight), dtype=torch.int64)
    return torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)


def pack(weight: Tensor, bias: Tensor | None, precision: Precision) -> PackedLinear:
    """The linear layer of ``weight`` [out_features, in_features] at ``precision``.

    Raises:
        SecoustiError: this processor cannot work at that precision.
    """
    weight, bias = weight.detach(), None if bias is None else bias.detach()
    if precision == "float32":
        return ExactLinear(weight, bias)
    if weight.device.type != "cpu":
        raise SecoustiError(f"precision {precision!r} is for the CPU, not {weight.device.type}")
    return HalfLinear(weight, bias) if precision == "float16" else Int8Linear(weight, bias)


class PackedFrames(nn.Module):
    """A packed layer for [1, T, C], in the place of a ``Linear`` of ``secousti.acoustic``."""

    def __init__(self, weight: Tensor, bias: Tensor | None, precision: Precision) -> None:
        super().__init__()
        self.linear = pack(weight, bias, precision)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x[0])[None]


def token_precision(module: nn.Module, precision: Precision) -> Precision:
    """Of the weights of ``module``, which decides what tokens are."""
    size = sum(4 * parameter.numel() for parameter in module.parameters())
    return "float32" if precision == "int8" and size <= EXACT_BYTES else precision


class _engine:
    """Pack for the quantized kernels ``name``; the process's own choice comes back."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        _engine_lock.acquire()
        self._before = torch.backends.quantized.engine
        torch.backends.quantized.engine = self._name

    def __exit__(self, *_: object) -> None:
        torch.backends.quantized.engine = self._before
        _engine_lock.release()


def _int8_engine() -> str:
    available = torch.backends.quantized.supported_engines
    for name in ("fbgemm", "qnnpack"):
        if name in available:
            return name
    raise SecoustiError("this build of PyTorch has no int8 kernels: use precision 'float32'")


def _wide(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.float()
