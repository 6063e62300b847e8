"""Pitch told from G, pitch that follows G, and a refiner that learns beside the codec."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import pytest
import torch

from secousti.audio.mel import LogMel
from secousti.config import MelConfig, from_dict, merge
from secousti.errors import SecoustiError
from tests.train.corpus import toy_document, write_corpus
from train.codec.config import Config
from train.codec.pitch import PitchHead, PitchHeadConfig, PitchListener
from train.codec.setup import build_objective, training_data

RATE = 22050
MEL = MelConfig()


def _pulses(hertz: list[float], seconds: float = 1.0) -> torch.Tensor:
    """Tones with ten harmonics, [B, N]."""
    time = torch.arange(int(seconds * RATE)) / RATE
    order = torch.arange(1, 11)[:, None]
    return torch.stack([0.03 * torch.sin(2 * torch.pi * f * order * time).sum(0) for f in hertz])


# ------------------------------------------------------------------ told from G
@pytest.fixture
def head() -> PitchHead:
    torch.manual_seed(0)
    return PitchHead(6, MEL, PitchHeadConfig())


def test_heights_are_those_of_what_is_there(head):
    audio = torch.cat([_pulses([110.0, 220.0, 300.0]), torch.zeros(1, RATE)])
    audio[2, RATE // 4 :] = 7  # beyond the length of its row
    lengths = torch.tensor([RATE, RATE, RATE // 4, RATE])
    found, known = head.heights(audio, lengths)
    assert known.tolist() == [True, True, True, False]
    right = torch.tensor([log2(f) for f in (110, 220, 300)])
    torch.testing.assert_close(found[:3, 0], right, atol=0.02, rtol=0)
    assert found[:3, 1].abs().max() < 0.02
    both = torch.cat([_pulses([100.0], 0.5), _pulses([200.0], 0.5)], dim=1)
    assert head.heights(both, torch.tensor([RATE]))[0][0, 1] == pytest.approx(0.5, abs=0.05)


def test_a_head_that_can_tell_learns_to_and_what_is_silent_does_not_count(head):
    audio = torch.cat([_pulses([100.0, 140.0, 210.0]), torch.zeros(1, RATE)])
    voice = torch.randn(4, 6, requires_grad=True)
    lengths = torch.full((4,), RATE)
    before = head.loss(voice, audio, lengths)
    before.backward()
    assert (voice.grad[:3].abs().sum(1) > 0).all()
    assert voice.grad[3].abs().sum() == 0
    optimizer = torch.optim.Adam([*head.parameters(), voice], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        loss = head.loss(voice, audio, lengths)
        loss.backward()
        optimizer.step()
    assert loss < 0.1 * before
    assert head.loss(voice[3:], audio[3:], lengths[3:]) == 0


def test_a_window_shorter_than_a_frame_is_answered(head):
    assert head.loss(torch.randn(2, 6), torch.zeros(2, 100), torch.tensor([100, 50])) == 0


def test_pitch_that_no_frame_can_hold_is_refused():
    with pytest.raises(SecoustiError, match=r"pitch_head\.fmin is 30 Hz"):
        PitchHead(6, MEL, PitchHeadConfig(fmin=30))
    with pytest.raises(SecoustiError, match="between 0 and fmax"):
        PitchHeadConfig(fmin=600)


# ------------------------------------------------------------------ followed
@pytest.fixture(scope="module")
def listener() -> PitchListener:
    return PitchListener("two-frames", MEL)


@pytest.fixture(scope="module")
def mels() -> torch.Tensor:
    """Of voices at 110, 220, 110 Hz, [3, 80, T]."""
    return LogMel(MEL)(_pulses([110.0, 220.0, 110.0]))


def test_the_height_asked_for_is_no_loss_and_another_is(listener, mels):
    mask = torch.ones(1, mels.shape[-1]).bool()
    low, high, again = mels.split(1)
    assert listener.heard(low, mask)[0].median() == pytest.approx(log2(110), abs=0.1)
    reached = listener(high, low, mask, high, mask)
    missed = listener(again, low, mask, high, mask)
    assert reached < 0.02 < 0.1 < missed
    half = mask.clone()
    half[:, 40:] = False
    broken = high.clone()
    broken[..., 40:] = low[..., 40:]
    assert listener(broken, low, half, high, mask) < 0.02


def test_only_who_spoke_learns(listener, mels):
    listener.train()
    kept = {name: value.clone() for name, value in listener.state_dict().items()}
    spoken = mels[2:].clone().requires_grad_(True)
    mask = torch.ones(1, mels.shape[-1]).bool()
    listener(spoken, mels[:1], mask, mels[1:2], mask).backward()
    assert spoken.grad.abs().sum() > 0
    assert all(torch.equal(kept[name], value) for name, value in listener.state_dict().items())
    assert not any(p.requires_grad for p in listener.parameters())


def test_who_hears_no_pitch_is_refused():
    with pytest.raises(SecoustiError, match="no pitch network"):
        PitchListener("two-frames", replace(MEL, n_mels=40))


# ------------------------------------------------------------------ the refiner
@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return toy_document(folder, write_corpus(folder))


def _refined(toy: dict, **objective: object) -> Config:
    refiner = {"refiner": {"channels": 8, "layers": 1}}
    small = {"discriminator": {"channels": 4, "max_channels": 8}, **objective}
    schedule = {
        "strategy": "joint",
        "total_steps": 4,
        "token_mel": 1.0,
        "refined_mel": 1.0,
        "adversarial": {"start": 0, "end": 1, "upper": 1.0},
    }
    changes = {"codec": refiner, "training": {"objective": small, "schedule": schedule}}
    return from_dict(Config, merge(toy, changes))


def test_the_refiner_learns_from_the_discriminator_and_the_codec_before_it_does_not(toy):
    config = _refined(toy)
    data = training_data(config, 0, 1)
    objective = build_objective(config, data)
    weights = {"refined_mel": 1.0, "discriminator": 1.0, "adversarial": 1.0, "features": 1.0}
    for _ in range(2):  # what its last map begins with lets nothing through
        found = objective(data[0], weights)
        found["loss"].backward()
        with torch.no_grad():
            objective.codec.refiner.out.weight.normal_(0, 0.1)
    learnt = {n.split(".")[1] for n, p in objective.codec.named_parameters(prefix="codec")
              if p.grad is not None and p.grad.abs().sum() > 0}  # fmt: skip
    assert learnt == {"refiner"}
    assert all(p.grad is not None for p in objective.codec.refiner.parameters())


def test_validation_hears_it(toy):
    config = _refined(toy)
    data = training_data(config, 0, 1)
    objective = build_objective(config, data).eval()
    with torch.no_grad():
        before = objective(data[0], None).mel_from_tokens
        objective.codec.refiner.out.bias.fill_(1.0)
        after = objective(data[0], None)
    torch.testing.assert_close(after.mel_from_tokens, before + 1)
    assert not torch.equal(after.mel_from_acoustic, after.mel_from_tokens)


def test_weights_without_what_they_weigh_are_refused(toy):
    config = _refined(toy)
    with pytest.raises(SecoustiError, match=r"codec\.refiner"):
        Config(config.training, replace(config.codec, refiner=None))
    for name, weight in (("pitch_head", "pitch"), ("pitch_listener", "conversion_pitch")):
        schedule = replace(config.training.schedule, **{weight: 1.0})
        with pytest.raises(SecoustiError, match=rf"objective\.{name}"):
            replace(config.training, schedule=schedule)
