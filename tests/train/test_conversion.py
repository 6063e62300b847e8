"""Speech in another item's voice: who gives what, who learns, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from secousti.codec import SecoustiCodec
from secousti.config import CodecConfig, MelConfig, from_dict
from secousti.errors import SecoustiError
from tests.train.corpus import toy_document
from train.codec.config import Config
from train.codec.conversion import Conversion, in_other_voices
from train.codec.schedule import Schedule, ScheduleConfig
from train.voice.listener import ListenerConfig, VoiceListener

SMALL = ListenerConfig(channels=8, dilations=(1,), dim=8)


@pytest.fixture
def codec(tmp_path) -> SecoustiCodec:
    torch.manual_seed(0)
    document = toy_document(tmp_path, tmp_path / "manifest.jsonl")
    return SecoustiCodec(from_dict(CodecConfig, document["codec"]))


@pytest.fixture
def listener(codec) -> VoiceListener:
    torch.manual_seed(1)
    return VoiceListener(codec.config.mel, SMALL).eval().requires_grad_(False)


def test_the_first_half_speaks_in_the_voices_of_the_second(codec):
    width = codec.config.transformer.d_model
    semantic, voices = torch.randn(5, width, 6), torch.randn(5, width)
    mel, words, speakers = in_other_voices(codec, semantic, voices)
    a_hat, _ = codec.connector(codec.connector.fuse(semantic[:2], voices[2:4]))
    torch.testing.assert_close(mel, codec.decoder(a_hat)[0])
    assert (words, speakers) == (slice(0, 2), slice(2, 4))


def test_the_loss_is_nothing_for_the_voice_itself_and_teaches_only_who_spoke(codec, listener):
    conversion = Conversion(codec, listener).train()
    mel = (-5 + torch.randn(2, 80, 40)).requires_grad_(True)
    mask = torch.ones(2, 40).bool()
    kept = {name: value.clone() for name, value in listener.state_dict().items()}
    assert conversion(mel, mask, mel.detach(), mask).item() == pytest.approx(0, abs=1e-5)
    conversion(mel, mask, -5 + 3 * torch.randn(2, 80, 40), mask).backward()
    assert mel.grad is not None
    assert mel.grad.abs().sum() > 0
    assert not listener.training
    assert all(torch.equal(kept[name], value) for name, value in listener.state_dict().items())


def test_a_listener_of_other_mels_is_refused(codec):
    other = VoiceListener(replace(MelConfig(), n_mels=40), SMALL)
    with pytest.raises(SecoustiError, match=r"objective\.listener was trained on other mels"):
        Conversion(codec, other)


def test_a_weight_without_a_listener_is_refused(tmp_path):
    document = toy_document(tmp_path, tmp_path / "manifest.jsonl")
    document["training"]["schedule"]["conversion"] = 1.0
    with pytest.raises(SecoustiError, match=r"objective\.listener"):
        from_dict(Config, document)


def test_weights_are_used_wherever_tokens_are_decoded_and_nowhere_in_algorithm_1():
    for strategy in ("joint", "decoder"):
        config = ScheduleConfig(strategy=strategy, conversion=2.0, conversion_words=0.5)
        weights = Schedule(config).at(1).weights
        assert (weights["conversion"], weights["conversion_words"]) == (2.0, 0.5)
    silent = Schedule(ScheduleConfig(strategy="joint", conversion_words=0.5)).at(1).weights
    assert not {"conversion", "conversion_words"} & set(silent)
    assert "conversion" not in Schedule(ScheduleConfig()).at(400_000).weights
