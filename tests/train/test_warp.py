"""Another voice for the encoder: what is stretched, what the losses then leave out."""

from __future__ import annotations

import pytest
import torch

from secousti.audio.mel import LogMel
from secousti.config import MelConfig
from secousti.errors import SecoustiError
from train.codec.config import ObjectiveConfig
from train.codec.warp import VoiceWarp

MEL = MelConfig(mode="causal")


def test_a_tone_moves_by_the_factor_and_others_stay():
    time = torch.arange(MEL.sample_rate) / MEL.sample_rate
    mel = LogMel(MEL)(torch.sin(2 * torch.pi * 1000 * time).expand(3, -1))
    warp = VoiceWarp(MEL, 1.0, (0.8, 1.25))
    factors = torch.tensor([0.8, 1.0, 1.25])
    warped = warp(mel, factors)
    loudest = warp.centres[warped[..., 40].argmax(1)]
    assert loudest.tolist() == pytest.approx((1000 * factors).tolist(), rel=0.05)
    torch.testing.assert_close(warped[1], mel[1])


def test_draws_follow_the_seed_and_keep_to_share_and_bounds():
    warp = VoiceWarp(MEL, 0.3, (0.8, 1.25))
    torch.manual_seed(5)
    factors, warped = warp.draw(4000)
    torch.manual_seed(5)
    again, _ = warp.draw(4000)
    assert torch.equal(factors, again)
    assert warped.float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert (factors[~warped] == 1).all()
    assert factors.min() >= 0.8
    assert factors.max() <= 1.25
    assert factors[warped].log().mean().item() == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("wrong", [{"warp_share": 1.5}, {"warp": (1.2, 0.9)}, {"warp": (0.0, 1.0)}])
def test_a_share_or_range_that_is_none_is_refused(wrong):
    with pytest.raises(SecoustiError, match=r"objective\.warp"):
        ObjectiveConfig(**wrong)
