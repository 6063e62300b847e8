"""Tokens are a property of the audio: not of the batch, padding, length, mode or RNG."""

from __future__ import annotations

import pytest
import torch

import secousti.networks as networks
from secousti import SecoustiCodec
from tests.toy import AUDIO_TOLERANCE, toy_codec, toy_speech


def test_ragged_batch_equals_singles(codec: SecoustiCodec) -> None:
    wav = toy_speech(3.0, rows=5)
    lengths = [wav.shape[1], 40_001, 12_345, 900, 1]
    batch = codec.encode(wav, codec.sample_rate, lengths=lengths)
    audio = codec.decode(batch)
    for i, n in enumerate(lengths):
        single = codec.encode(wav[i, :n], codec.sample_rate)
        assert torch.equal(single.codes, batch[i].codes)
        torch.testing.assert_close(
            single.paralinguistic, batch[i].paralinguistic, atol=1e-5, rtol=0
        )
        torch.testing.assert_close(
            codec.decode(single)[0, 0], audio[i, 0, :n], atol=AUDIO_TOLERANCE, rtol=0
        )
        assert audio[i, 0, n:].abs().sum() == 0


def test_what_lies_in_the_padding_does_not_matter(codec: SecoustiCodec) -> None:
    wav = toy_speech(1.0, rows=2)
    lengths = [wav.shape[1], 7000]
    loud = wav.clone()
    loud[1, 7000:] = 0.9
    assert torch.equal(
        codec.encode(wav, codec.sample_rate, lengths=lengths)[1].codes,
        codec.encode(loud, codec.sample_rate, lengths=lengths)[1].codes,
    )


@pytest.mark.parametrize("samples", [1, 255, 256, 257, 384, 385, 1023, 1024, 1025, 20000])
@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_length_in_is_length_out(codec: SecoustiCodec, samples: int, rate: int) -> None:
    wav = toy_speech(1.0, rate)[:, :samples]
    encoded = codec.encode(wav, rate)
    expected = -(-wav.shape[1] * 22050 // rate)
    assert int(encoded.num_samples) == expected
    assert codec.decode(encoded).shape == (1, 1, expected)


def test_training_mode_and_rng_do_not_matter() -> None:
    codec = toy_codec()
    wav = toy_speech(1.0)
    expected = codec.encode(wav, codec.sample_rate)
    codec.train()
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = codec.encode(wav, codec.sample_rate)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(again.codes, expected.codes)
    assert torch.equal(again.paralinguistic, expected.paralinguistic)
    assert codec.training
    assert codec.paralinguistic.norms[0].training


def test_long_recordings_are_worked_through_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = toy_codec(mode="centered")
    wav = toy_speech(6.0, rows=2)
    lengths = [wav.shape[1], 70_000]
    whole = codec.encode(wav, codec.sample_rate, lengths=lengths)
    audio = codec.decode(whole)
    monkeypatch.setattr(networks, "_CHUNK_TOKENS", 13)
    monkeypatch.setattr("secousti.streaming.chunks.CHUNK", 50)
    monkeypatch.setattr("secousti.audio.mel._BLOCK", 37)
    pieces = codec.encode(wav, codec.sample_rate, lengths=lengths)
    assert torch.equal(pieces[0].codes, whole[0].codes)
    assert torch.equal(pieces[1].codes, whole[1].codes)
    torch.testing.assert_close(codec.decode(whole), audio, atol=AUDIO_TOLERANCE, rtol=0)


def test_threads_do_not_matter() -> None:
    codec = toy_codec()
    wav = toy_speech(4.0)
    one = codec.encode(wav, codec.sample_rate).codes
    torch.set_num_threads(2)
    try:
        assert torch.equal(codec.encode(wav, 22050).codes, one)
    finally:
        torch.set_num_threads(1)


def test_quantizer_is_exact_in_low_precision() -> None:
    """Index arithmetic in bf16 is wrong for most ids; ours must not use it."""
    quantizer = toy_codec().quantizer.to(torch.bfloat16)
    ids = torch.arange(quantizer.codebook_size)[None]
    digits = quantizer.digits(ids)
    assert torch.equal(quantizer.index(digits), ids)
    vectors = torch.randn(1, 32, 50, dtype=torch.bfloat16)
    assert quantizer.encode(vectors).dtype == torch.int64


def test_a_codec_in_bfloat16_hears_in_float32() -> None:
    codec = toy_codec()
    wav = toy_speech(3.0)
    exact = codec.encode(wav, codec.sample_rate)
    rough = codec.bfloat16().encode(wav, 22050)
    assert codec.mel.filters.dtype == codec.mel.window.dtype == torch.float32
    assert rough.codes.shape == exact.codes.shape
    assert (rough.codes == exact.codes).float().mean() > 0.5
    assert rough.paralinguistic.dtype == torch.float32
