"""A stack of ConvNeXt blocks for one stream and a few frames a call, with packed weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.onecore import native_blocks
from secousti.onecore.linear import Precision, pack
from secousti.onecore.native_blocks import NativeBlocks


@dataclass(frozen=True)
class BlockWeights:
    """What a ConvNeXt block holds, of whichever network.

    ``kernel`` [C, K] and ``bias`` [C] of its depthwise convolution. ``gamma`` [C] scales what it
    adds; ``None`` is 1. ``response`` and ``beta`` [H] are of a response normalisation over the
    channels of a frame (ConvNeXt v2); ``None`` where there is none.
    """

    kernel: Tensor
    bias: Tensor
    norm: nn.LayerNorm
    widen: nn.Linear
    narrow: nn.Linear
    gamma: Tensor | None = None
    response: Tensor | None = None
    beta: Tensor | None = None


class StepBlocks(nn.Module):
    """``blocks`` one after the other: x [T, C] and past [blocks, K - 1, C] -> both anew."""

    def __init__(self, blocks: Sequence[BlockWeights], precision: Precision) -> None:
        super().__init__()
        self.count, self.memory = len(blocks), blocks[0].kernel.shape[1] - 1
        self.channels = len(blocks[0].kernel)
        library = native_blocks.library_for(blocks) if precision == "int8" else None
        self.native = None if library is None else NativeBlocks(blocks, library)
        rest = blocks if library is None else []
        self.blocks = nn.ModuleList(StepBlock(block, precision) for block in rest)

    def past(
        self, batch_size: int, device: torch.device | None, dtype: torch.dtype | None
    ) -> Tensor:
        """That of a stream's start: zeros [B, blocks, K - 1, C], time before channels."""
        shape = (batch_size, self.count, self.memory, self.channels)
        return torch.zeros(shape, device=device, dtype=dtype)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """``past`` stays as it was."""
        if self.native is not None:
            past = past.clone(memory_format=torch.contiguous_format)
            return self.native(x, past), past
        kept = []
        for block, before in zip(self.blocks, past.unbind(), strict=True):
            inputs = torch.cat([before, x])
            kept.append(inputs[len(x) :])
            x = block(inputs)
        return x, torch.stack(kept)


class StepBlock(nn.Module):
    """Depthwise convolution, normalisation and inverted bottleneck over [memory + T, C]."""

    def __init__(self, block: BlockWeights, precision: Precision) -> None:
        super().__init__()
        self.kernel, self.bias = block.kernel.detach().contiguous(), block.bias.detach()
        self.memory = self.kernel.shape[1] - 1
        self.norm = block.norm
        self.widen = pack(block.widen.weight, block.widen.bias, precision)
        self.narrow = pack(block.narrow.weight, block.narrow.bias, precision)
        self.gamma = None if block.gamma is None else block.gamma.detach()
        self.response = None if block.response is None else block.response.detach()
        self.beta = None if block.beta is None else block.beta.detach()

    def forward(self, inputs: Tensor) -> Tensor:
        """[memory + T, C] -> [T, C]."""
        y = (inputs.unfold(0, self.memory + 1, 1) * self.kernel).sum(-1) + self.bias  # [T, C]
        y = F.gelu(self.widen(self.norm(y)))
        if self.response is not None and self.beta is not None:
            size = y.abs()
            ratio = size / (size.mean(-1, keepdim=True) + 1e-6)
            y = self.response * (y * ratio) + self.beta + y
        y, x = self.narrow(y), inputs[self.memory :]
        return x + y if self.gamma is None else torch.addcmul(x, y, self.gamma)
