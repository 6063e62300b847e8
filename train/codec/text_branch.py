"""What ties S to the text (paper, III-D): phonemes told apart by a contrast, or by a classifier."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from secousti.codec import SecoustiCodec
from secousti.semantic.contrastive import FrameContrastiveLoss
from secousti.semantic.phoneme_encoder import PhonemeEncoder, token_labels
from secousti.text.inventory import IGNORE
from train.codec.config import ObjectiveConfig


class TextBranch(nn.Module):
    """What ties S to the phonemes: phoneme encoder and contrastive loss, or a classifier."""

    def __init__(self, codec: SecoustiCodec, config: ObjectiveConfig) -> None:
        super().__init__()
        transformer, ratio = codec.config.transformer, codec.frames_per_token
        self.ratio = ratio
        self.kind = config.text_loss
        if self.kind == "contrastive":
            self.phoneme_encoder = PhonemeEncoder(
                config.phoneme_encoder, transformer, ratio, transformer.d_model
            )
            self.contrastive = FrameContrastiveLoss(
                config.temperature, config.max_scale, config.tile, config.gather
            )
        else:
            self.classifier = nn.Linear(transformer.d_model, config.phoneme_encoder.num_symbols)

    def forward(self, semantic: Tensor, phonemes: Tensor, mask: Tensor) -> Tensor:
        """S [B, D, L], phonemes int64 [B, T] at the mel rate, mask bool [B, L] -> loss."""
        labels = token_labels(phonemes, self.ratio)  # [B, L]
        mask = mask & (labels != IGNORE)
        s = semantic.transpose(1, 2)
        if self.kind == "contrastive":
            return self.contrastive(s, self.phoneme_encoder(phonemes), mask)
        # Without text there is nothing to classify: a sum over no frames, not 0 / 0.
        total = F.cross_entropy(self.classifier(s)[mask].float(), labels[mask], reduction="sum")
        return total / mask.sum().clamp(min=1)

    def phonemes(self, ids: Tensor) -> Tensor | None:
        """P [B, L, D] of phonemes int64 [B, T], where there is a phoneme encoder."""
        return self.phoneme_encoder(ids) if self.kind == "contrastive" else None
