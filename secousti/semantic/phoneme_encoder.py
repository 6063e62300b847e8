"""Phoneme encoder: frame-level phonemes -> P in the joint space (sections III-B and IV-A)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.acoustic.transformer import Transformer
from secousti.config import TransformerConfig
from secousti.text.inventory import IGNORE, NUM_SYMBOLS, PAD, symbol_ids


@dataclass(frozen=True)
class PhonemeEncoderConfig:
    """``layers`` transformer layers (paper: 4) of the codec's own width and heads."""

    num_symbols: int = NUM_SYMBOLS
    layers: int = 4


class PhonemeEncoder(nn.Module):
    """A convolution with ReLU, transformer layers and a linear map; r frames become one.

    The text is known as a whole, so attention runs in both directions (the paper lists this
    encoder among the parts that do not stream).

    Args:
        config: inventory size and depth.
        transformer: sizes of the layers, shared with the codec.
        ratio: mel frames in a token (r).
        output_dim: size of the joint space, that of S.
    """

    def __init__(
        self,
        config: PhonemeEncoderConfig,
        transformer: TransformerConfig,
        ratio: int,
        output_dim: int,
    ) -> None:
        super().__init__()
        dim = transformer.d_model
        self.ratio = ratio
        self.pad_id = symbol_ids([PAD])[0]
        self.embedding = nn.Embedding(config.num_symbols, dim)
        # The token's own frames and as many on either side.
        self.conv = nn.Conv1d(dim, dim, 3 * ratio, stride=ratio, padding=ratio)
        both_ways = dataclasses.replace(transformer, causal=False)
        self.transformer = Transformer(both_ways, config.layers)
        self.linear = nn.Linear(dim, output_dim)

    def forward(self, phonemes: Tensor) -> Tensor:
        """int64 [B, T] phoneme ids at the mel rate, ``IGNORE`` where unknown -> [B, L, d].

        L is ceil(T / r); column l of the result belongs to token l.
        """
        ids = F.pad(phonemes, (0, -phonemes.shape[1] % self.ratio), value=IGNORE)
        ids = torch.where(ids == IGNORE, self.pad_id, ids)
        x = torch.relu(self.conv(self.embedding(ids).transpose(1, 2)))  # [B, D, L]
        return self.linear(self.transformer(x)[0].transpose(1, 2))


def token_labels(phonemes: Tensor, ratio: int) -> Tensor:
    """Label of each token, int64 [B, ceil(T / r)]: that of its middle frame, or ``IGNORE``."""
    padded = F.pad(phonemes, (0, -phonemes.shape[1] % ratio), value=IGNORE)
    return padded[:, ratio // 2 :: ratio]
