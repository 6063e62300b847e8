"""A (or its prediction) back to log-mel: decoder transformer and SEANet decoder."""

from __future__ import annotations

import torch
from torch import Tensor

from secousti.acoustic.injection import VoiceInjection, injected
from secousti.acoustic.seanet import SEANetDecoder
from secousti.acoustic.transformer import Transformer
from secousti.config import CodecConfig
from secousti.streaming.state import State, StreamingModule, substate


class AcousticDecoder(StreamingModule):
    """A [B, acoustic_dim, L] -> log-mel [B, n_mels, L * prod(ratios)]."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.transformer = Transformer(
            config.transformer,
            config.depth.decoder,
            input_dim=config.acoustic_dim,
            output_dim=config.seanet.dimension,
        )
        self.injection = (
            VoiceInjection(config.transformer.d_model, config.depth.decoder)
            if config.voice_injection
            else None
        )
        self.seanet = SEANetDecoder(config.mel.n_mels, config.seanet)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return {
            "transformer": self.transformer.init_state(batch_size, device, dtype),
            "seanet": self.seanet.init_state(batch_size, device, dtype),
        }

    def forward(
        self, x: Tensor, state: State | None = None, voice: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        """``voice``: G [B, d_model] for ``voice_injection``; A itself is decoded without one."""
        modulation = injected(self.injection, voice)
        x, transformer = self.transformer(x, substate(state, "transformer"), modulation)
        mel, seanet = self.seanet(x, substate(state, "seanet"))
        if transformer is None or seanet is None:
            return mel, None
        return mel, {"transformer": transformer, "seanet": seanet}
