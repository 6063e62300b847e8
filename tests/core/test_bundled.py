"""The models that ship: small, complete, and held to the contracts on speech."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from secousti import P2PSynCodec, SecoustiCodec, StreamDecoder, StreamEncoder
from secousti.audio.io import load_audio
from secousti.audio.resample import SincResampler
from secousti.hub.catalog import models
from secousti.hub.resolve import BUNDLED, DEFAULT_MODEL, bundled_models
from secousti.p2psyn import P2PSynStreamDecoder, P2PSynStreamEncoder
from tests.toy import ragged

SPEECH = Path(__file__).parents[2] / "examples" / "speech.wav"


OURS = [m.name for m in models() if m.where == "bundled" and m.kind == "secousti"]
P2PSYN = [m.name for m in models() if m.where == "bundled" and m.kind == "p2psyn"]


@pytest.fixture(scope="module", params=OURS)
def mini(request) -> SecoustiCodec:
    return SecoustiCodec.from_pretrained(request.param)


@pytest.fixture(scope="module")
def speech() -> torch.Tensor:
    """14.5 s, almost five times what a layer of any model attends to."""
    wav, rate = load_audio(SPEECH)
    return SincResampler(rate, 22050)(wav).repeat(2)


def test_everything_bundled_is_small_and_has_a_card() -> None:
    assert DEFAULT_MODEL in bundled_models()
    assert sum(p.stat().st_size for p in BUNDLED.rglob("*")) < 85e6
    for name in bundled_models():
        card = (BUNDLED / name / "README.md").read_text(encoding="utf-8")
        assert "licence" in card
        assert "Measured" in card


@pytest.mark.parametrize("most_tokens", [1, 30])
def test_streaming_speech_is_the_offline_result(mini, speech, most_tokens: int) -> None:
    encoded = mini.encode(speech, mini.sample_rate)
    encoder = StreamEncoder(mini)
    pieces = [encoder.push(speech[s]) for s in ragged(len(speech), mini.frame_size * most_tokens)]
    codes = torch.cat([*pieces, encoder.flush()], dim=-1)
    assert torch.equal(codes, encoded.codes)
    decoder = StreamDecoder(mini, encoded.paralinguistic)
    slices = ragged(codes.shape[-1], most_tokens)
    sound = torch.cat([*(decoder.push(codes[..., s]) for s in slices), decoder.flush()], dim=-1)
    offline = mini.decode(encoded)
    common = sound[..., : offline.shape[-1]]
    torch.testing.assert_close(common, offline, atol=1e-4, rtol=0)


def test_speech_comes_back_as_speech(mini, speech) -> None:
    stoi = pytest.importorskip("pystoi").stoi
    heard = mini.decode(mini.encode(speech, 22050))[0, 0]
    assert heard.shape == speech.shape
    assert stoi(speech.numpy(), heard.numpy(), 22050) > 0.65


def test_tokens_vary_and_the_latency_is_as_promised(mini, speech) -> None:
    codes = mini.encode(speech, mini.sample_rate).codes
    assert codes.unique().numel() > 80
    assert mini.latency() == mini.frame_size + 256 * 2  # two frames that the vocoder looks ahead
    milliseconds = {"mini-21hz": 69.7, "mini-86hz": 34.8}[mini.model_id]
    assert round(1e3 * mini.latency() / mini.sample_rate, 1) == milliseconds


@pytest.mark.parametrize("name", P2PSYN)
@pytest.mark.parametrize("mode", ["all", "plain"])
def test_p2psyn_streams_speech(name: str, mode: str) -> None:
    """Its tokens to the id, its sound, and the latency it promises."""
    codec = P2PSynCodec.from_pretrained(name)
    wav, rate = load_audio(SPEECH)
    wav = SincResampler(rate, codec.sample_rate)(wav)
    encoded = codec.encode(wav, codec.sample_rate)
    assert encoded.codes.unique().numel() > 80
    encoder, decoder = P2PSynStreamEncoder(codec), P2PSynStreamDecoder(codec, mode=mode)
    sound = []
    for piece in ragged(len(wav), 3 * codec.frame_size):
        sound.append(decoder.push(encoder.push(wav[piece])))
    sound += [decoder.push(encoder.flush()), decoder.flush()]
    offline = codec.decode(encoded, mode=mode)
    common = torch.cat(sound, dim=-1)[..., : offline.shape[-1]]
    torch.testing.assert_close(common, offline, atol=1e-4, rtol=0)
    assert codec.latency() == codec.frame_size + codec.hop_length
