"""Who speaks, told from the tokens, and an encoder that learns to hide it (not in the paper).

Domain-adversarial training (Ganin et al. 2016) with the confusion loss of Tzeng et al. 2015: a
small network learns to tell the speaker from S after quantization; the encoder learns to leave it
undecided, that is to bring its answer near to all speakers alike. A plain reversed gradient has no
lower bound and pays for being wrong with certainty, which tells the speaker too. Both share one
backward pass, as with the discriminator of decoded mels.

Whom it tells apart: all speakers of the training data, or the voices of the batch by their G. The
latter needs no more recordings of a speaker than one, and what it takes out of S is what G holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

_TEMPERATURE = 0.1  # of cosines


@dataclass(frozen=True)
class SpeakerAdversaryConfig:
    """``kind``: tells ``speakers`` of the training data, or ``voices`` of the batch by their G.

    ``channels`` of its two convolutions over ``kernel_size`` tokens.
    """

    kind: Literal["voices", "speakers"] = "voices"
    channels: int = 128
    kernel_size: int = 5


class SpeakerAdversary(nn.Module):
    """S [B, dim, L] -> scores [B, speakers], from its mean and deviation over time.

    Args:
        dim: of S and of G. speakers: of the training data.
    """

    def __init__(self, dim: int, speakers: int, config: SpeakerAdversaryConfig) -> None:
        super().__init__()
        width, size = config.channels, config.kernel_size
        self.first = nn.Conv1d(dim, width, size, padding=size // 2)
        self.second = nn.Conv1d(width, width, size, padding=size // 2)
        by_voice = config.kind == "voices"
        self.linear = nn.Linear(2 * (dim + width), width if by_voice else speakers)
        self.voice = nn.Linear(dim, width) if by_voice else None

    def forward(self, semantic: Tensor, mask: Tensor, voice: Tensor) -> Tensor:
        """``mask``: bool [B, L], False for padding. ``voice``: G [B, dim].

        Returns:
            Scores of the speakers, or [B, B] of the voices of the batch.
        """
        told: Tensor = self.linear(self._pooled(semantic, mask))
        if self.voice is None:
            return told
        asked = F.normalize(self.voice(voice), dim=-1)
        return F.normalize(told, dim=-1) @ asked.T / _TEMPERATURE

    def _pooled(self, semantic: Tensor, mask: Tensor) -> Tensor:
        """Mean and deviation of S and of what the convolutions give, [B, 2 (dim + channels)]."""
        kept = mask[:, None].to(semantic.dtype)
        hidden = F.gelu(self.first(semantic * kept)) * kept
        hidden = torch.cat([semantic, F.gelu(self.second(hidden))], dim=1)
        count = kept.sum(-1).clamp(min=1)
        mean = (hidden * kept).sum(-1) / count
        variance = ((hidden - mean[..., None]).square() * kept).sum(-1) / count
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)

    def losses(
        self, semantic: Tensor, mask: Tensor, voice: Tensor, speakers: Tensor
    ) -> dict[str, Tensor]:
        """``speaker`` trains this module, ``confusion`` who made S; both in nats.

        Args:
            semantic: [B, dim, L]. mask: bool [B, L]. voice: G [B, dim]. speakers: int64 [B].
        """
        voice = voice.detach()
        told = self(semantic.detach(), mask, voice).float()
        weights = {name: p.detach() for name, p in self.named_parameters()}
        scores = functional_call(self, weights, (semantic, mask, voice)).float().log_softmax(-1)
        # Cross-entropy to all speakers alike, less its least value.
        confusion = -scores.mean(-1) - math.log(scores.shape[-1])
        right = self._right(speakers)
        return {"speaker": F.cross_entropy(told, right), "confusion": confusion.mean()}

    def _right(self, speakers: Tensor) -> Tensor:
        """The answers: int64 [B], or shares [B, B] of the voices that are the same speaker's."""
        if self.voice is None:
            return speakers
        same = (speakers[:, None] == speakers).float()
        return same / same.sum(1, keepdim=True)
