"""The discriminator of decoded mels: who learns from which loss, and what it can tell apart."""

from __future__ import annotations

import pytest
import torch

from secousti.config import from_dict
from secousti.errors import SecoustiError
from secousti.vocoder.discriminators import DiscriminatorConfig
from tests.train.corpus import toy_document
from train.codec.config import Config
from train.codec.mel_discriminator import MelDiscriminator
from train.codec.schedule import KLWarmup, Schedule, ScheduleConfig

SMALL = DiscriminatorConfig(channels=4, max_channels=8, layers=3)


@pytest.fixture
def discriminator() -> MelDiscriminator:
    torch.manual_seed(0)
    return MelDiscriminator(SMALL)


@pytest.fixture
def mels() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Decoded (flat) and real (rough) mels [2, 80, 40], and a mask that counts all frames."""
    torch.manual_seed(1)
    real = -5 + 2 * torch.randn(2, 80, 40)
    return torch.full_like(real, -5.0).requires_grad_(True), real, torch.ones(2, 40).bool()


def test_each_side_learns_from_its_own_losses_only(discriminator, mels):
    decoded, real, mask = mels
    losses = discriminator.losses(decoded, real, mask)
    losses["discriminator"].backward(retain_graph=True)
    assert decoded.grad is None
    assert all(p.grad is not None for p in discriminator.parameters())
    discriminator.zero_grad()
    (losses["adversarial"] + losses["features"]).backward()
    assert decoded.grad is not None
    assert decoded.grad.abs().sum() > 0
    assert all(p.grad is None for p in discriminator.parameters())


def test_padding_is_not_scored(discriminator, mels):
    decoded, real, mask = mels
    mask[:, 20:] = False
    (discriminator.losses(decoded, real, mask)["adversarial"]).backward()
    assert decoded.grad is not None
    assert decoded.grad[..., 20:].abs().sum() == 0


def test_converted_speech_is_scored_but_matches_no_features(discriminator, mels):
    decoded, real, mask = mels
    converted = torch.full((1, 80, 40), -4.0, requires_grad=True)
    plain = discriminator.losses(decoded, real, mask)
    both = discriminator.losses(decoded, real, mask, converted)
    torch.testing.assert_close(both["features"], plain["features"])
    assert both["discriminator"] != plain["discriminator"]
    both["adversarial"].backward()
    assert converted.grad is not None
    assert converted.grad.abs().sum() > 0


def test_it_learns_to_tell_flat_mels_from_rough_ones(discriminator, mels):
    decoded, real, mask = mels
    optimizer = torch.optim.AdamW(discriminator.parameters(), 2e-3)
    first = discriminator.losses(decoded, real, mask)["discriminator"].item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = discriminator.losses(decoded, real, mask)["discriminator"]
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3 * first


def test_the_discriminator_learns_first_and_is_believed_later():
    config = ScheduleConfig(strategy="joint", adversarial=KLWarmup(10, 20, 0.5), features=1.5)
    schedule = Schedule(config)
    assert "discriminator" in schedule.stage(1).trains
    early, late = schedule.at(10).weights, schedule.at(30).weights
    assert early["discriminator"] == 1
    assert not {"adversarial", "features"} & set(early)
    assert (late["adversarial"], late["features"]) == (0.5, 1.5)


def test_a_weight_without_a_discriminator_is_refused(tmp_path):
    document = toy_document(tmp_path, tmp_path / "manifest.jsonl")
    document["training"]["schedule"]["adversarial"] = {"start": 0, "end": 0, "upper": 0.1}
    with pytest.raises(SecoustiError, match=r"set objective\.discriminator"):
        from_dict(Config, document)


def test_algorithm_1_has_no_discriminator():
    schedule = Schedule(ScheduleConfig())
    names = {name for step in (1, 20_000, 400_000) for name in schedule.at(step).weights}
    assert not {"discriminator", "adversarial", "features", "loudness", "intelligibility"} & names
