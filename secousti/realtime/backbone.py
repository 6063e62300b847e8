"""The vocoder's ConvNeXt backbone for a few frames at a time, with packed weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.acoustic.conv import CausalConv1d
from secousti.realtime import native_blocks
from secousti.realtime.linear import Precision, pack
from secousti.realtime.native_blocks import NativeBlocks
from secousti.streaming.state import State, StreamingModule, tensor
from secousti.vocoder.backbone import ConvNeXt, ConvNeXtBlock


class StepBackbone(StreamingModule):
    """What ``backbone`` computes, for one stream: [1, C_in, T] -> [1, C, T] with a state."""

    def __init__(self, backbone: ConvNeXt, precision: Precision) -> None:
        super().__init__()
        first, *blocks = backbone.convs.layers
        assert isinstance(first, CausalConv1d)
        self.in_channels, self.memory = first.conv.in_channels, first.padding
        self.channels = first.conv.out_channels
        # The mel's own convolution is small, and all that follows depends on it: it stays exact.
        self.first = pack(first.conv.weight.flatten(1), first.conv.bias, "float32")
        convnext = [block for block in blocks if isinstance(block, ConvNeXtBlock)]
        self.num_blocks = len(convnext)
        self.native: NativeBlocks | None = None
        if precision == "int8" and native_blocks.fits(convnext):
            self.native = NativeBlocks(convnext)
            convnext = []
        self.blocks = nn.ModuleList(StepBlock(block, precision) for block in convnext)
        self.norm = backbone.norm

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        """``mel`` and ``past``: what the convolutions still hear, time before channels."""
        past = (batch_size, self.num_blocks, self.memory, self.channels)
        mel = (batch_size, self.memory, self.in_channels)
        return {
            "mel": torch.zeros(mel, device=device, dtype=dtype),
            "past": torch.zeros(past, device=device, dtype=dtype),
        }

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        assert state is not None
        mel = torch.cat([tensor(state, "mel")[0], x[0].T])
        windows = mel.unfold(0, self.memory + 1, 1)  # [T, C_in, K]
        y = self.first(windows.flatten(1))
        mel = mel[None, x.shape[-1] :]
        if self.native is not None:
            past = tensor(state, "past").clone(memory_format=torch.contiguous_format)
            y = self.native(y, past[0])
            return self.norm(y).T[None], {"mel": mel, "past": past}
        kept = []
        for block, past in zip(self.blocks, tensor(state, "past")[0].unbind(), strict=True):
            heard = torch.cat([past, y])
            kept.append(heard[len(y) :])
            y = block(heard)
        return self.norm(y).T[None], {"mel": mel, "past": torch.stack(kept)[None]}


class StepBlock(nn.Module):
    """Depthwise convolution, normalisation and inverted bottleneck over [memory + T, C]."""

    def __init__(self, block: ConvNeXtBlock, precision: Precision) -> None:
        super().__init__()
        conv = block.depthwise.conv
        self.memory = block.depthwise.padding
        self.kernel = conv.weight.detach()[:, 0].contiguous()  # [C, K]
        self.bias = None if conv.bias is None else conv.bias.detach()
        self.norm = block.norm
        self.widen = pack(block.widen.weight, block.widen.bias, precision)
        self.narrow = pack(block.narrow.weight, block.narrow.bias, precision)
        self.gamma = block.gamma.detach()

    def forward(self, heard: Tensor) -> Tensor:
        """[memory + T, C] -> [T, C]."""
        y = (heard.unfold(0, self.memory + 1, 1) * self.kernel).sum(-1)  # [T, C]
        if self.bias is not None:
            y = y + self.bias
        y = self.narrow(F.gelu(self.widen(self.norm(y))))
        return torch.addcmul(heard[self.memory :], y, self.gamma)
