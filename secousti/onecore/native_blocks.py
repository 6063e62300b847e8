"""Stacks of int8 ConvNeXt blocks as one C function (see ``native.py``)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from secousti.onecore import native

if TYPE_CHECKING:
    from secousti.onecore.blocks import BlockWeights


class _Block(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("kernel", "bias", "gain", "shift")),
        *((name, ctypes.c_void_p) for name in ("bias1", "bias2", "gamma", "response", "beta")),
        ("epsilon", ctypes.c_float),
        *((name, native.Matrix) for name in ("widen", "narrow")),
    ]


class NativeBlocks:
    """All blocks of a stack at once, for one stream and a few frames a call."""

    def __init__(self, blocks: Sequence[BlockWeights], library: ctypes.CDLL) -> None:
        self._run = library.secousti_convnext
        weights = [linear.weight for block in blocks for linear in (block.widen, block.narrow)]
        packed, self._kept = native.matrices(weights)
        self._blocks = (_Block * len(blocks))(
            *(self._block(b, packed[2 * i : 2 * i + 2]) for i, b in enumerate(blocks))
        )
        self._channels, self._wide = blocks[0].widen.in_features, blocks[0].widen.out_features

    def __call__(self, x: Tensor, past: Tensor) -> Tensor:
        """x float32 [T, C] -> [T, C]; ``past`` [blocks, memory, C] is written to."""
        y, rows = x.clone(memory_format=torch.contiguous_format), len(x)
        widest = max(self._channels, self._wide)
        # Floats for the vectors of a row, its grid, and bytes for the 8-bit ones.
        floats = rows * (2 * self._channels + self._wide + 2) + rows * widest // 4 + 1
        scratch = torch.empty(floats)
        pointers = ctypes.addressof(self._blocks), len(self._blocks), y.data_ptr(), rows
        self._run(*pointers, past.data_ptr(), past.shape[1], scratch.data_ptr())
        return y

    def _block(self, block: BlockWeights, packed: list[native.Matrix]) -> _Block:
        kernel = block.kernel.T  # [C, K] -> [K, C]
        vectors = (kernel, block.bias, block.norm.weight, block.norm.bias)
        biases = (block.widen.bias, block.narrow.bias, block.gamma, block.response, block.beta)
        pointers = [self._keep(vector) for vector in (*vectors, *biases)]
        return _Block(*pointers, block.norm.eps, *packed)

    def _keep(self, vector: Tensor | None) -> int | None:
        if vector is None:
            return None
        self._kept.append(vector.detach().float().contiguous())
        return self._kept[-1].data_ptr()


def library_for(blocks: Sequence[BlockWeights]) -> ctypes.CDLL | None:
    """What ``NativeBlocks`` runs these with; ``None`` if it cannot here."""
    widths = {n for b in blocks for n in (b.widen.in_features, b.widen.out_features)}
    on_cpu = all(block.kernel.device.type == "cpu" for block in blocks)
    return native.load() if on_cpu and native.sized(*widths) else None
