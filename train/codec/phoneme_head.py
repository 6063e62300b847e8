"""Which phonemes the latents before quantization tell (not in the paper).

The paper ties S to the text by a contrast with phoneme embeddings, whose negatives are all other
frames, of the same phoneme or not. Here a layer norm and a linear map read phonemes off the mean of
S itself: by CTC (Graves et al. 2006), which asks for the right phonemes in the right order and
leaves their time to the encoder, or frame by frame. No straight-through estimator stands between
the loss and the encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.semantic.phoneme_encoder import token_labels
from secousti.text.inventory import IGNORE, NUM_SYMBOLS, SYMBOLS, is_silence


@dataclass(frozen=True)
class PhonemeHeadConfig:
    """``kind``: ``ctc``, or ``frame`` for the phoneme of every token (cross-entropy)."""

    kind: Literal["ctc", "frame"] = "ctc"
    num_symbols: int = NUM_SYMBOLS


class PhonemeHead(nn.Module):
    """Latents [B, dim, L] -> log-probabilities of phonemes, and the loss of them.

    Args:
        dim: of the latents. ratio: mel frames in a token.
    """

    silent: Tensor

    def __init__(self, dim: int, ratio: int, config: PhonemeHeadConfig) -> None:
        super().__init__()
        self.kind, self.ratio = config.kind, ratio
        self.blank = config.num_symbols
        self.norm = nn.LayerNorm(dim)
        self.linear = nn.Linear(dim, config.num_symbols + (config.kind == "ctc"))
        silent = torch.tensor([is_silence(symbol) for symbol in SYMBOLS], device="cpu")
        self.register_buffer("silent", silent, persistent=False)

    def forward(self, latents: Tensor, phonemes: Tensor, mask: Tensor) -> Tensor:
        """The loss, float32 scalar; 0 where nothing is aligned.

        Args:
            latents: [B, dim, L].
            phonemes: int64 [B, T] of the mel frames, ``IGNORE`` where unknown.
            mask: bool [B, L], False for padding.
        """
        scores = self.linear(self.norm(latents.mT)).float().log_softmax(-1)  # [B, L, symbols]
        if self.kind == "ctc":
            return self._ctc(scores, phonemes, mask)
        labels = token_labels(phonemes, self.ratio)
        mask = mask & (labels != IGNORE)
        total = F.nll_loss(scores[mask], labels[mask], reduction="sum")
        return total / mask.sum().clamp(min=1)

    def _ctc(self, scores: Tensor, phonemes: Tensor, mask: Tensor) -> Tensor:
        """Mean over items, each in nats a phoneme; items with an unknown frame are left out."""
        tokens = mask.sum(1)
        frames = (tokens * self.ratio).tolist()
        told = [self.sequence(row[:n]) for row, n in zip(phonemes, frames, strict=True)]
        sizes = torch.tensor([len(row) for row in told], device=scores.device)
        found = F.ctc_loss(
            scores.transpose(0, 1),
            torch.cat(told),
            tokens,
            sizes,
            self.blank,
            reduction="none",
            zero_infinity=True,  # more phonemes than tokens
        )
        counts = sizes > 0
        return (found / sizes.clamp(min=1) * counts).sum() / counts.sum().clamp(min=1)

    def sequence(self, frames: Tensor) -> Tensor:
        """The phonemes of consecutive frames, int64 [n], without silences; none if one is unknown.

        The same phoneme twice in a row is one: labels of frames do not tell them apart.
        """
        if (frames == IGNORE).any():
            return frames[:0]
        runs = frames.unique_consecutive()
        return runs[~self.silent[runs]]
