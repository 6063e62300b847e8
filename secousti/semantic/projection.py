"""Semantic projection: z -> the mean (and variance) of S (paper, III-B; release, section 6)."""

from __future__ import annotations

import torch
from torch import Tensor

from secousti.acoustic.linear import Linear
from secousti.acoustic.transformer import Transformer
from secousti.config import CodecConfig
from secousti.streaming.state import State, StreamingModule


class SemanticProjection(StreamingModule):
    """z [B, dimension, L] -> mu [B, d_model, L]; inference never samples."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        d_model = config.transformer.d_model
        self.transformer = Transformer(
            config.transformer, config.depth.semantic, input_dim=config.seanet.dimension
        )
        self.mu = Linear(d_model, d_model)
        self.logvar = Linear(d_model, d_model)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.transformer.init_state(batch_size, device, dtype)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        h, state = self.transformer(x, state)
        return self.mu(h.transpose(1, 2)).transpose(1, 2), state

    def distribution(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, both [B, d_model, L], for training."""
        h = self.transformer(x)[0].transpose(1, 2)
        return self.mu(h).transpose(1, 2), self.logvar(h).transpose(1, 2)
