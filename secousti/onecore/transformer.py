"""The causal transformer one position at a time: ring caches, packed weights, few operations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from secousti.acoustic.transformer import Transformer, TransformerLayer
from secousti.onecore import native, pages
from secousti.onecore.layer import StepLayer
from secousti.onecore.linear import Precision, pack
from secousti.onecore.native import NativeStack
from secousti.streaming.state import State, StreamingModule, tensor


class StepTransformer(StreamingModule):
    """What ``transformer`` computes, for one stream and one position a call.

    Unlike other layers it writes into the state it is given: the keys and values of all layers
    lie in one ring, whose oldest entry makes room for the newest. Nothing is copied or allocated
    anew, and attention reads each cached number once.
    """

    frequencies: Tensor

    def __init__(self, transformer: Transformer, precision: Precision) -> None:
        super().__init__()
        config = transformer.config
        self.config = config
        self.head_dim = config.d_model // config.num_heads
        self.input_proj = _projection(transformer.input_proj, precision)
        layers = [layer for layer in transformer.layers if isinstance(layer, TransformerLayer)]
        self.num_layers = len(layers)
        int8 = precision == "int8"
        library = native.library_for(transformer.layers, config) if int8 else None
        self.native = None if library is None else NativeStack(layers, config, library)
        layers = layers if library is None else []
        self.layers = nn.ModuleList(StepLayer(layer, config, precision) for layer in layers)
        self.output_proj = _projection(transformer.output_proj, precision)
        exponents = torch.arange(0, self.head_dim, 2, dtype=torch.float64) / self.head_dim
        self.register_buffer("frequencies", config.max_period**-exponents, persistent=False)
        weight = next(transformer.layers.parameters())
        self.dtype = weight.dtype if precision == "float32" else torch.float32
        # Keys and values are a fifth of what a token reads; beside 8-bit weights, their upper
        # 16 bits are enough.
        self.ring_dtype = torch.bfloat16 if precision == "int8" else self.dtype

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        """``ring`` [B, layers, 2, H, context, D] holds position p in slot ``p % context``."""
        heads, context = self.config.num_heads, self.config.context
        shape = (batch_size, self.num_layers, 2, heads, context, self.head_dim)
        return {
            "offset": torch.zeros(batch_size, dtype=torch.int64, device=device),
            "ring": pages.zeros(shape, self.ring_dtype, device),
        }

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        """[1, input_dim, 1] -> [1, output_dim, 1]; the state comes back changed."""
        assert state is not None
        offset, ring = tensor(state, "offset"), tensor(state, "ring")
        position = int(offset)
        rotation = self._rotation(position)
        slot, known = position % self.config.context, min(position + 1, self.config.context)
        y = self.input_proj(x[:, :, 0].to(self.dtype))
        if self.native is not None:
            y = self.native(y, rotation, ring[0], slot, known)
        else:
            for layer, cache in zip(self.layers, ring[0].unbind(), strict=True):
                y = layer(y, rotation, cache, slot, known)
        y = self.output_proj(y).to(x.dtype)
        return y[:, :, None], {"offset": offset + 1, "ring": ring}

    def _rotation(self, position: int) -> Tensor:
        """Complex [D / 2]: the rotary angles at ``position``, taken in float64."""
        angles = self.frequencies * position
        rotation = torch.polar(torch.ones_like(angles), angles)
        return rotation if self.dtype == torch.float64 else rotation.to(torch.complex64)


def _projection(module: nn.Module, precision: Precision) -> nn.Module:
    return pack(module.weight, None, precision) if isinstance(module, nn.Linear) else module
