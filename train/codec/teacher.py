"""What a codec that looks ahead makes of the same speech (not in the paper).

A causal encoder has to decide about a phoneme before it is over. A frozen codec of the same mels
and token rate, not causal as a rule (``configs/recipes/noncausal.yaml``), has seen the rest; the
latents before quantization learn to tell its latents, frame by frame, by cosine through a linear
map, as Mimi (Defossez et al. 2024) learns from WavLM. The teacher is given the recording,
also where the encoder is given another voice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.codec import SecoustiCodec
from secousti.config import to_dict
from secousti.errors import SecoustiError
from train.codec.losses import masked_mean


class Teacher(nn.Module):
    """A saved codec that never trains here.

    Raises:
        SecoustiError: no such codec, or one of other mels or another token rate.
    """

    def __init__(self, name: str, student: SecoustiCodec) -> None:
        super().__init__()
        codec = SecoustiCodec.from_pretrained(name)
        if to_dict(codec.config.mel) != to_dict(student.config.mel):
            raise SecoustiError(f"objective.teacher {name} has other mels than codec.mel")
        if codec.frames_per_token != student.frames_per_token:
            raise SecoustiError(
                f"objective.teacher {name} has a token every {codec.frames_per_token} mel frames, "
                f"this codec one every {student.frames_per_token}"
            )
        self.encoder, self.projection = codec.encoder, codec.semantic_projection
        self.width = codec.config.transformer.d_model
        # A loaded encoder works in float64; training hears in float32.
        self.float().eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Teacher:
        """It stays as it was saved whatever happens around it."""
        super().train(False)
        return self

    @torch.no_grad()
    def forward(self, mel: Tensor) -> Tensor:
        """Mel [B, n_mels, T] -> latents [B, width, L]."""
        latents: Tensor = self.projection(self.encoder(mel)[0])[0]
        return latents


def distance(told: Tensor, taught: Tensor, mask: Tensor) -> Tensor:
    """1 - cosine of [B, D, L] each, mean over the frames of ``mask`` bool [B, L]."""
    return masked_mean(1 - F.cosine_similarity(told.float(), taught.float(), dim=1), mask)
