"""Discriminators of decoded audio, of stage 1 and of the receiver's stage."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch import Tensor

from train.engine.learner import Learner
from train.engine.optim import build_optimizer
from train.p2psyn.config import OptimConfig, TeacherConfig
from train.p2psyn.discriminator import Discriminators
from train.p2psyn.losses import adversarial_loss, discriminator_loss, feature_loss


class Adversary:
    """``Discriminators`` with their optimizer.

    Args:
        weights: sizes and weights of the losses. optim: the decoder's, and theirs but for
            ``weights.discriminator_lr``.
    """

    def __init__(
        self, weights: TeacherConfig, optim: OptimConfig, accelerator: Accelerator
    ) -> None:
        self.weights, self.accelerator = weights, accelerator
        model = Discriminators(
            weights.discriminator_sizes,
            weights.discriminator_channels,
            weights.discriminator_exponent,
        )
        own = weights.discriminator_lr
        self.pace = 1.0 if own is None else own / optim.lr
        optimizer = build_optimizer(model.parameters(), optim)
        self.learner = Learner(accelerator, model, optimizer, optim.clip)

    def learn(self, real: Tensor, fake: Tensor, learning_rate: float) -> Tensor:
        """One update on audio [B, 1, T] that was recorded and that was decoded; the loss.

        ``learning_rate``: the decoder's.
        """
        with self.accelerator.autocast():
            logits, _ = self.learner.model(torch.cat([real, fake]))
            pairs = [branch.chunk(2) for branch in logits]
            loss = discriminator_loss([r for r, _ in pairs], [f for _, f in pairs])
        self.learner.descend(loss, self.pace * learning_rate)
        return loss.detach()

    def terms(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The decoder's weighted losses: to be taken for recorded, and like it in features."""
        discriminators = self.learner.module.requires_grad_(False)
        with self.accelerator.autocast():
            logits, fake_features = discriminators(fake)
            with torch.no_grad():
                _, real_features = discriminators(real)
        discriminators.requires_grad_(True)
        weights = self.weights
        features = feature_loss(real_features, fake_features, weights.feature_relative)
        return {
            "adversarial": weights.adversarial_weight * adversarial_loss(logits),
            "feature": weights.feature_weight * features,
        }
