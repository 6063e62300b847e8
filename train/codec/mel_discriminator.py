"""A small discriminator of decoded mels, and the losses of both sides (not in the paper).

A decoder trained on a mean error says the mean of all that a token may stand for, which sounds
dull and buzzing. The discriminator learns to tell recordings' mels from decoded ones, and the
decoder to make them alike. Both share one backward pass: the discriminator is given the decoded mel
cut off from the codec, the codec a discriminator whose weights are cut off from their
gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from secousti.audio.mel import MIDDLE, SPREAD
from secousti.vocoder.discriminators import (
    ConvDiscriminator,
    DiscriminatorConfig,
    DiscriminatorOutput,
)
from train.vocoder.losses import discriminator_loss, feature_loss, generator_loss


class MelDiscriminator(nn.Module):
    """Log-mel [B, n_mels, T] -> a map of scores, and the features they come from."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.discriminator = ConvDiscriminator(1, config, (3, 7))

    def forward(self, mel: Tensor) -> DiscriminatorOutput:
        scores: DiscriminatorOutput = self.discriminator(((mel - MIDDLE) / SPREAD).mT[:, None])
        return scores

    def losses(
        self, decoded: Tensor, mel: Tensor, mask: Tensor, converted: Tensor | None = None
    ) -> dict[str, Tensor]:
        """``discriminator`` trains this module; ``adversarial`` and ``features`` train who decoded.

        Args:
            decoded, mel: [B, n_mels, T]. mask: bool [B, T]; padding is alike in both.
            converted: the words of the first items in other voices, which no features can match.
        """
        shown = torch.where(mask[:, None], decoded, mel)
        copies = len(shown)
        if converted is not None:
            first = slice(0, len(converted))
            other = torch.where(mask[first, None], converted, mel[first])
            shown = torch.cat([shown, other])
        real, fake = self(mel), self(shown.detach())
        weights = {name: p.detach() for name, p in self.named_parameters()}
        scored = functional_call(self, weights, (shown,))
        return {
            "discriminator": discriminator_loss([_float(real)], [_float(fake)], "hinge"),
            "adversarial": generator_loss([_float(scored)], "hinge"),
            "features": feature_loss([_float(real)], [_first(_float(scored), copies)]),
        }


def _first(output: DiscriminatorOutput, items: int) -> DiscriminatorOutput:
    score, features = output
    return score[:items], [feature[:items] for feature in features]


def _float(output: DiscriminatorOutput) -> DiscriminatorOutput:
    score, features = output
    return score.float(), [feature.float() for feature in features]
