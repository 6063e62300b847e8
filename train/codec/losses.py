"""The terms of Algorithm 1 besides the contrastive loss (equations 3 and 5)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Reduction = Literal["mean", "sum"]


def masked_mse(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the frames that count (equation 5).

    Args:
        prediction, target: [B, D, T]. mask: bool [B, T], False where a frame is padding.

    Returns:
        A float32 scalar: the mean over counted frames and channels, 0 when none counts.
    """
    error = (prediction.float() - target.float()).square().mean(1)  # [B, T]
    return masked_mean(error, mask)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``values`` where ``mask`` (the same shape) is True; 0 when it never is."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def kl_to_standard_normal(mu: Tensor, logvar: Tensor, reduction: Reduction, dim: int) -> Tensor:
    """KL[N(mu, sigma^2) || N(0, I)] in nats, reduced over the latent ``dim``.

    The paper writes the divergence of the whole vector (``sum``); ``mean`` is the same per
    dimension, so that one margin serves every size.
    """
    mu, logvar = mu.float(), logvar.float()
    kl = 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar)
    return kl.sum(dim) if reduction == "sum" else kl.mean(dim)


def kl_with_margin(kl: Tensor, margin: float) -> Tensor:
    """``max(0, KL - margin)`` (equation 3): below the margin the latent is left alone."""
    return torch.relu(kl - margin)


def sample_normal(mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The reparameterisation trick: ``mu + sigma * phi``, phi ~ N(0, I), in the type of ``mu``."""
    noise = torch.randn(mu.shape, generator=generator, device=mu.device, dtype=mu.dtype)
    return mu + (0.5 * logvar).exp() * noise
