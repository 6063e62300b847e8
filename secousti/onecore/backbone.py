"""The vocoder's ConvNeXt backbone for a few frames at a time, with packed weights."""

from __future__ import annotations

import torch
from torch import Tensor

from secousti.acoustic.conv import CausalConv1d
from secousti.onecore.blocks import BlockWeights, StepBlocks
from secousti.onecore.linear import Precision, pack
from secousti.streaming.state import State, StreamingModule, tensor
from secousti.vocoder.backbone import ConvNeXt, ConvNeXtBlock


class StepBackbone(StreamingModule):
    """What ``backbone`` computes, for one stream: [1, C_in, T] -> [1, C, T] with a state."""

    def __init__(self, backbone: ConvNeXt, precision: Precision) -> None:
        super().__init__()
        first, *blocks = backbone.convs.layers
        assert isinstance(first, CausalConv1d)
        self.in_channels, self.memory = first.conv.in_channels, first.padding
        # The mel's own convolution is small, and all that follows depends on it: it stays exact.
        self.first = pack(first.conv.weight.flatten(1), first.conv.bias, "float32")
        weights = [_weights(block) for block in blocks if isinstance(block, ConvNeXtBlock)]
        self.blocks = StepBlocks(weights, precision)
        self.norm = backbone.norm

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        """``mel`` and ``past``: inputs that the convolutions still need, time before channels."""
        mel = (batch_size, self.memory, self.in_channels)
        return {
            "mel": torch.zeros(mel, device=device, dtype=dtype),
            "past": self.blocks.past(batch_size, device, dtype),
        }

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        assert state is not None
        mel = torch.cat([tensor(state, "mel")[0], x[0].T])
        windows = mel.unfold(0, self.memory + 1, 1)  # [T, C_in, K]
        y, past = self.blocks(self.first(windows.flatten(1)), tensor(state, "past")[0])
        mel = mel[None, x.shape[-1] :]
        return self.norm(y).T[None], {"mel": mel, "past": past[None]}


def _weights(block: ConvNeXtBlock) -> BlockWeights:
    conv = block.depthwise.conv
    assert conv.bias is not None
    return BlockWeights(
        conv.weight[:, 0], conv.bias, block.norm, block.widen, block.narrow, block.gamma
    )
