"""Discriminators: shapes, gradients, and that they can tell speech from noise."""

from __future__ import annotations

import pytest
import torch

from secousti.vocoder.discriminators import DiscriminatorConfig, Discriminators
from train.vocoder.losses import discriminator_loss, feature_loss, generator_loss

TINY = DiscriminatorConfig(periods=(2, 5), n_ffts=(256, 128), channels=4, max_channels=8, layers=3)


def test_shapes_and_gradients() -> None:
    torch.manual_seed(0)
    discriminators = Discriminators(TINY)
    audio = torch.randn(2, 1, 2001, requires_grad=True)
    scored = discriminators(audio)
    assert len(scored) == 4
    for score, features in scored:
        assert score.shape[:2] == (2, 1)
        assert len(features) == TINY.layers
    generator_loss(scored, "hinge").backward()
    assert audio.grad is not None
    assert audio.grad.abs().sum() > 0
    assert all(p.grad is not None for p in discriminators.parameters())


def test_light_by_default() -> None:
    assert sum(p.numel() for p in Discriminators(DiscriminatorConfig()).parameters()) < 1e6


@pytest.mark.parametrize("kind", ["hinge", "least_squares"])
def test_losses_have_the_right_sign(kind: str) -> None:
    sure, fooled = ([(torch.full((1, 1, 4), v), [torch.ones(2)])] for v in (1.0, -1.0))
    assert discriminator_loss(sure, fooled, kind) < discriminator_loss(fooled, sure, kind)  # type: ignore[arg-type]
    assert generator_loss(sure, kind) < generator_loss(fooled, kind)  # type: ignore[arg-type]
    assert feature_loss(sure, fooled) == 0


@pytest.mark.parametrize("kind", ["hinge", "least_squares"])
def test_they_learn(kind: str) -> None:
    torch.manual_seed(0)
    discriminators = Discriminators(TINY)
    optimizer = torch.optim.AdamW(discriminators.parameters(), 3e-3)
    time = torch.arange(2048) / 22050
    first = last = 0.0
    for step in range(25):
        pitch = torch.rand(4, 1, 1) * 200 + 100
        real = torch.sin(2 * torch.pi * pitch * time)
        fake = torch.randn(4, 1, 2048) * 0.5
        loss = discriminator_loss(discriminators(real), discriminators(fake), kind)  # type: ignore[arg-type]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        first, last = (loss.item() if step == 0 else first), loss.item()
    assert last < 0.5 * first
