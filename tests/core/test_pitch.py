"""Pitch beside the mel (Table II, "w/ F0"): what it is, and that it streams."""

from __future__ import annotations

from math import log2
from pathlib import Path

import pytest
import torch

from secousti import SecoustiCodec, SecoustiError, StreamEncoder
from secousti.audio.mel import LogMel
from secousti.audio.pitch import PitchedMel
from secousti.config import CodecConfig, MelConfig, PitchConfig, from_dict, to_dict
from tests.toy import ragged, toy_codec, toy_speech

RATE = 22050


def hum(hertz: float, seconds: float = 1.0, glide: float = 0.0) -> torch.Tensor:
    """Eight harmonics, float32 [1, N]; the fundamental rises by ``glide`` Hz a second."""
    t = torch.arange(int(seconds * RATE), dtype=torch.float64) / RATE
    phase = 2 * torch.pi * (hertz * t + glide * t.square() / 2)
    return sum(0.1 / k * torch.sin(k * phase) for k in range(1, 9)).float()[None]


@pytest.fixture(scope="module", params=["causal", "centered"])
def codec(request: pytest.FixtureRequest) -> SecoustiCodec:
    return toy_codec(mode=request.param, vocoder=False, pitch=PitchConfig())


@pytest.mark.parametrize("hertz", [75.0, 120.0, 233.0, 480.0])
def test_a_hum_has_its_height(hertz: float) -> None:
    rows = PitchedMel(MelConfig(), PitchConfig())(hum(hertz))[0]
    height, voiced = rows[80, 4:-4], rows[81, 4:-4]
    assert voiced.eq(1).all()
    expected = 2 * log2(hertz / 60) / log2(10) - 1
    torch.testing.assert_close(height, torch.full_like(height, expected), atol=0.01, rtol=0)


def test_noise_and_silence_have_none() -> None:
    mel = PitchedMel(MelConfig(), PitchConfig())
    torch.manual_seed(0)
    for sound in (torch.zeros(1, RATE), 0.1 * torch.randn(1, RATE)):
        assert mel(sound)[0, 80:].abs().mean() < 0.02


def test_the_mel_above_it_is_the_plain_mel() -> None:
    wav = hum(100.0, glide=80.0)
    pitched = PitchedMel(MelConfig(), PitchConfig())(wav)
    assert torch.equal(pitched[:, :80], LogMel(MelConfig())(wav))


@pytest.mark.parametrize("most", [700, 5000])
def test_a_stream_hears_what_the_whole_recording_does(codec: SecoustiCodec, most: int) -> None:
    wav = hum(90.0, 2.0, glide=60.0) + 0.1 * toy_speech(2.0)
    offline = codec.encode(wav, codec.sample_rate).codes
    assert offline.unique().numel() > 4
    encoder = StreamEncoder(codec)
    pieces = [encoder.push(wav[:, s]) for s in ragged(wav.shape[1], most)]
    assert torch.equal(torch.cat([*pieces, encoder.flush()], dim=-1), offline)


def test_a_batch_hears_what_its_rows_do(codec: SecoustiCodec) -> None:
    wav = torch.cat([hum(90.0, glide=60.0), hum(200.0, glide=-40.0)])
    lengths = [wav.shape[1], 9000]
    batch = codec.encode(wav, codec.sample_rate, lengths=lengths)
    for i, n in enumerate(lengths):
        assert torch.equal(codec.encode(wav[i, :n], 22050).codes, batch[i].codes)


def test_tokens_hear_the_pitch_and_the_voice_does_not() -> None:
    codec = toy_codec(vocoder=False, pitch=PitchConfig())
    mel = codec.mel(hum(150.0))
    frames = torch.tensor([mel.shape[-1]])
    other = mel.clone()
    other[:, 80:] = -other[:, 80:]
    assert not torch.equal(codec.tokenize(mel)[0], codec.tokenize(other)[0])
    assert torch.equal(codec.voice_from_mel(mel, frames), codec.voice_from_mel(other, frames))
    assert codec.decode_mel(codec.encode(hum(150.0), 22050)).shape[1] == 80


def test_a_saved_codec_remembers_it(tmp_path: Path) -> None:
    codec = toy_codec(vocoder=False, pitch=PitchConfig(fmin=70))
    codec.save_pretrained(tmp_path)
    again = SecoustiCodec.from_pretrained(tmp_path)
    assert again.config.pitch == PitchConfig(fmin=70)
    wav = hum(150.0, glide=50.0)
    assert torch.equal(again.encode(wav, 22050).codes, codec.encode(wav, codec.sample_rate).codes)
    assert from_dict(CodecConfig, to_dict(CodecConfig())).pitch is None


def test_impossible_ranges_are_sentences() -> None:
    with pytest.raises(SecoustiError, match=r"must lie between 0 and pitch\.fmax"):
        PitchConfig(fmin=700)
    with pytest.raises(SecoustiError, match="holds two periods of 43 Hz or more"):
        PitchedMel(MelConfig(), PitchConfig(fmin=40))
