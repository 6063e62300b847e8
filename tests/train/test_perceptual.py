"""The perceptual mel losses: nothing for equal mels, deaf to what nobody hears, near STOI."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pystoi import stoi

from secousti.audio.mel import LogMel
from secousti.config import MelConfig
from train.codec.perceptual import IntelligibilityLoss, LoudnessLoss, third_octaves

MEL = MelConfig(mode="causal")


@pytest.fixture(scope="module")
def speech() -> torch.Tensor:
    """Bursts of harmonics with pauses between them, [2, 2 s]."""
    rng = np.random.default_rng(0)
    time = np.arange(2 * MEL.sample_rate) / MEL.sample_rate
    tones = [sum(np.sin(2 * np.pi * f0 * k * time) / k for k in range(1, 30)) for f0 in (110, 190)]
    loudness = np.clip(np.sin(2 * np.pi * 2.3 * time) + 0.3 * np.sin(2 * np.pi * 5 * time), 0, None)
    audio = 0.1 * np.stack(tones) * loudness + 1e-3 * rng.standard_normal((2, len(time)))
    return torch.from_numpy(audio).float()


@pytest.fixture(scope="module")
def mel(speech) -> torch.Tensor:
    return LogMel(MEL)(speech)


def whole(mel: torch.Tensor) -> torch.Tensor:
    return torch.ones(mel.shape[0], mel.shape[-1], dtype=torch.bool)


@pytest.mark.parametrize("kind", [LoudnessLoss, IntelligibilityLoss])
def test_equal_mels_cost_nothing_and_others_something(kind, mel):
    loss = kind(MEL)
    same = loss(mel, mel, whole(mel))
    other = loss(mel + torch.randn_like(mel), mel, whole(mel))
    assert same < 2e-3
    assert other > 20 * same.clamp(min=1e-3)


@pytest.mark.parametrize("kind", [LoudnessLoss, IntelligibilityLoss])
def test_the_level_of_the_recording_does_not_matter(kind, mel):
    loss, worse = kind(MEL), mel + 0.5 * torch.sin(torch.arange(mel.shape[-1]) / 3)
    quiet = loss(worse - 2.3, mel - 2.3, whole(mel))
    torch.testing.assert_close(quiet, loss(worse, mel, whole(mel)), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", [LoudnessLoss, IntelligibilityLoss])
def test_padding_does_not_count(kind, mel):
    loss, mask = kind(MEL), whole(mel)
    mask[:, 100:] = False
    worse = mel.clone()
    worse[..., :100] += torch.randn_like(mel[..., :100])
    garbage = worse.clone()
    garbage[..., 100 + loss.frames if kind is IntelligibilityLoss else 100 :] = 3.0
    torch.testing.assert_close(loss(worse, mel, mask), loss(garbage, mel, mask))


def test_noise_far_below_the_speech_is_not_heard(mel):
    target = mel.clone()
    target[:, 60:] = mel.amax() - 10.0  # 87 dB below the loudest band
    changed = target.clone()
    changed[:, 60:] -= 1.0
    loss, plain = LoudnessLoss(MEL), (changed - target).square().mean()
    unheard = loss(changed, target, whole(mel)) - loss(target, target, whole(mel))
    assert unheard < 0.1 * plain


def test_what_is_added_weighs_more_than_what_is_missing(mel):
    loss = LoudnessLoss(MEL)
    assert loss(mel + 1.0, mel, whole(mel)) > 1.5 * loss(mel - 1.0, mel, whole(mel))


def test_intelligibility_follows_stoi(speech, mel):
    """Noise at 20, 10 and 0 dB: the loss falls and rises as 1 - STOI does, and is near it."""
    loss, generator = IntelligibilityLoss(MEL), torch.Generator().manual_seed(0)
    found, wanted = [], []
    for snr in (20, 10, 0):
        noise = torch.randn(speech.shape, generator=generator)
        noisy = speech + noise * speech.square().mean(1, keepdim=True).sqrt() * 10 ** (-snr / 20)
        found.append(loss(LogMel(MEL)(noisy), mel, whole(mel)).item())
        scores = [
            stoi(a.numpy(), b.numpy(), MEL.sample_rate) for a, b in zip(speech, noisy, strict=True)
        ]
        wanted.append(1 - float(np.mean(scores)))
    assert found == sorted(found)
    assert found == pytest.approx(wanted, abs=0.12)


def test_gradients_are_finite_also_in_silence():
    target = torch.full((2, MEL.n_mels, 60), float(np.log(1e-5)))
    prediction = target.clone().requires_grad_(True)
    for loss in (LoudnessLoss(MEL), IntelligibilityLoss(MEL)):
        loss(prediction, target, whole(target)).backward()
    assert prediction.grad is not None
    assert prediction.grad.isfinite().all()


def test_thirds_of_an_octave_lie_where_stoi_has_them():
    bands = third_octaves(MEL)
    assert bands.shape == (15, MEL.n_mels)
    assert (bands.sum(1) > 0).all()
    # Mel band 60 of the Slaney scale lies near 4 kHz, the highest third of an octave.
    assert bands[-1].argmax() == pytest.approx(60, abs=4)


def test_short_crops_have_no_envelope_to_compare(mel):
    loss = IntelligibilityLoss(MEL)
    assert loss(mel[..., :10], mel[..., :10], whole(mel[..., :10])) == 0
