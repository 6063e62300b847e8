"""Semantic connector: S and G -> a prediction of A (paper, III-B; release, section 9)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from secousti.acoustic.injection import VoiceInjection, injected
from secousti.acoustic.transformer import Transformer
from secousti.config import CodecConfig
from secousti.streaming.state import State, StreamingModule


class SemanticConnector(StreamingModule):
    """Add G to every frame of S and transform: [B, d_model, L] -> A_hat [B, acoustic_dim, L]."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        d_model = config.transformer.d_model
        self.transformer = Transformer(
            config.transformer, config.depth.connector, output_dim=config.acoustic_dim
        )
        self.injection = (
            VoiceInjection(d_model, config.depth.connector) if config.voice_injection else None
        )
        self.semantic_norm = nn.LayerNorm(d_model) if config.fusion_norm else nn.Identity()
        self.global_norm = nn.LayerNorm(d_model) if config.fusion_norm else nn.Identity()

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.transformer.init_state(batch_size, device, dtype)

    def fuse(self, semantic: Tensor, paralinguistic: Tensor) -> Tensor:
        """S [B, d_model, L] and G [B, d_model] -> the connector's input [B, d_model, L]."""
        s = self.semantic_norm(semantic.transpose(1, 2)).transpose(1, 2)
        return s + self.global_norm(paralinguistic)[:, :, None]

    def forward(
        self, x: Tensor, state: State | None = None, voice: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        """``x`` is what ``fuse`` returned; ``voice``: G [B, d_model] for ``voice_injection``."""
        return self.transformer(x, state, injected(self.injection, voice))
