"""P2PSynCodec's ConvNeXt v2 stack for a few frames at a time, with packed weights."""

from __future__ import annotations

import torch
from torch import Tensor

from secousti.errors import SecoustiError
from secousti.onecore.blocks import BlockWeights, StepBlocks
from secousti.onecore.conv import StepConv
from secousti.onecore.linear import Precision, pack
from secousti.p2psyn.convnext import ConvNeXtBlock, ConvNeXtStack
from secousti.streaming.state import State, StreamingModule, substate, tensor


class StepStack(StreamingModule):
    """What ``stack`` computes, for one stream: [1, C_in, T] -> [1, C, T] with a state."""

    def __init__(self, stack: ConvNeXtStack, precision: Precision) -> None:
        super().__init__()
        # The first convolution is small, and all that follows depends on it: it stays exact.
        self.embed = (
            None if stack.embed is None else StepConv(stack.embed, stack.embed.conv.weight.dtype)
        )
        self.norm_in, self.norm_out = stack.norm_in, stack.norm_out
        weights = [_weights(block) for block in stack.blocks if isinstance(block, ConvNeXtBlock)]
        self.blocks = StepBlocks(weights, precision)
        self.linear = pack(stack.linear.weight, stack.linear.bias, precision)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        """``past``: inputs that the blocks' convolutions still need, time before channels."""
        state: State = {"past": self.blocks.past(batch_size, device, dtype)}
        if self.embed is not None:
            state["embed"] = self.embed.init_state(batch_size, device, dtype)
        return state

    def forward(
        self, x: Tensor, state: State | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        assert state is not None
        assert mask is None, "one stream has no padding"
        new: State = {}
        if self.embed is not None:
            x, embed = self.embed(x, substate(state, "embed"))
            assert embed is not None
            new["embed"] = embed
        y, past = self.blocks(self.norm_in(x[0].T), tensor(state, "past")[0])
        return self.linear(self.norm_out(y)).T[None], {**new, "past": past[None]}


def _weights(block: ConvNeXtBlock) -> BlockWeights:
    conv = block.depthwise.conv
    assert conv.bias is not None
    if block.grn.kind != "frame":
        raise SecoustiError("a response normalisation over all time cannot stream")
    return BlockWeights(
        conv.weight[:, 0],
        conv.bias,
        block.norm,
        block.linear1,
        block.linear2,
        response=block.grn.gamma,
        beta=block.grn.beta,
    )
