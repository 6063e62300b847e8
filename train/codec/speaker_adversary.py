"""Who speaks, told from the tokens, and an encoder that learns to hide it (not in the paper).

Domain-adversarial training (Ganin et al. 2016) with the confusion loss of Tzeng et al. 2015: a
small network learns to tell the training speakers from S after quantization; the encoder learns to
leave it undecided, that is to bring its answer near to all speakers alike. A plain reversed
gradient has no lower bound and pays for being wrong with certainty, which tells the speaker too.
Both share one backward pass, as with the discriminator of decoded mels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F


@dataclass(frozen=True)
class SpeakerAdversaryConfig:
    """``channels`` of its two convolutions over ``kernel_size`` tokens."""

    channels: int = 128
    kernel_size: int = 5


class SpeakerAdversary(nn.Module):
    """S [B, dim, L] -> scores of speakers [B, speakers], from its mean and deviation over time."""

    def __init__(self, dim: int, speakers: int, config: SpeakerAdversaryConfig) -> None:
        super().__init__()
        width, size = config.channels, config.kernel_size
        self.first = nn.Conv1d(dim, width, size, padding=size // 2)
        self.second = nn.Conv1d(width, width, size, padding=size // 2)
        self.linear = nn.Linear(2 * (dim + width), speakers)

    def forward(self, semantic: Tensor, mask: Tensor) -> Tensor:
        """``mask``: bool [B, L], False for padding."""
        kept = mask[:, None].to(semantic.dtype)
        hidden = F.gelu(self.first(semantic * kept)) * kept
        hidden = torch.cat([semantic, F.gelu(self.second(hidden))], dim=1)
        count = kept.sum(-1).clamp(min=1)
        mean = (hidden * kept).sum(-1) / count
        variance = ((hidden - mean[..., None]).square() * kept).sum(-1) / count
        scores: Tensor = self.linear(torch.cat([mean, (variance + 1e-5).sqrt()], dim=1))
        return scores

    def losses(self, semantic: Tensor, mask: Tensor, speakers: Tensor) -> dict[str, Tensor]:
        """``speaker`` trains this module, ``confusion`` who made S; both in nats.

        Args:
            semantic: [B, dim, L]. mask: bool [B, L]. speakers: int64 [B].
        """
        told = self(semantic.detach(), mask).float()
        weights = {name: p.detach() for name, p in self.named_parameters()}
        scores = functional_call(self, weights, (semantic, mask)).float().log_softmax(-1)
        # Cross-entropy to all speakers alike, less its least value.
        confusion = -scores.mean(-1) - torch.tensor(float(scores.shape[-1])).log()
        return {"speaker": F.cross_entropy(told, speakers), "confusion": confusion.mean()}
