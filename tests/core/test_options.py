"""Options beside the paper: off they are not there; on, a stream still gives the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from secousti import SecoustiCodec, StreamDecoder, StreamEncoder
from secousti.config import SEANetConfig, TokenAttentionConfig
from secousti.errors import SecoustiError
from tests.toy import AUDIO_TOLERANCE, ragged, toy_codec, toy_config, toy_speech

OPTIONS = {
    "token_attention": TokenAttentionConfig(dimension=16, num_heads=2),
    "voice_injection": True,
}


def _with_options(seed: int = 0) -> SecoustiCodec:
    """The toy's weights, and options that do something."""
    plain = toy_codec(seed=seed)
    codec = SecoustiCodec(replace(plain.config, **OPTIONS))
    codec.load_state_dict(plain.state_dict(), strict=False)
    torch.manual_seed(1)
    with torch.no_grad():
        for part in (codec.encoder.attention.out_proj, codec.connector.injection.linear,
                     codec.decoder.injection.linear):  # fmt: skip
            part.weight.normal_(0, 0.3)
    return codec.eval()


@pytest.fixture(scope="module")
def codec() -> SecoustiCodec:
    return _with_options()


@pytest.fixture(scope="module")
def wav() -> torch.Tensor:
    return toy_speech(3.0, rows=2)


def test_off_they_add_nothing_and_begun_anew_they_change_nothing(wav, tmp_path):
    plain = toy_codec()
    names = " ".join(plain.state_dict())
    assert "injection" not in names
    assert "encoder.attention" not in names
    assert "token_attention" not in plain.token_config()
    plain.save_pretrained(tmp_path / "plain")
    codec = SecoustiCodec(replace(plain.config, **OPTIONS)).eval()
    training = pytest.importorskip("train.codec.warm_start", reason="train runs from a checkout")
    assert training.warm_start(codec, str(tmp_path / "plain")) == []
    before, after = plain.encode(wav, 22050), codec.encode(wav, 22050)
    assert torch.equal(before.codes, after.codes)
    torch.testing.assert_close(plain.decode(before), codec.decode(after))


def test_on_they_are_heard(codec, wav):
    plain = toy_codec()
    assert codec.token_hash != plain.token_hash
    assert not torch.equal(codec.encode(wav, 22050).codes, plain.encode(wav, 22050).codes)
    encoded = plain.encode(wav, 22050)
    assert (codec.decode_mel(encoded) - plain.decode_mel(encoded)).abs().max() > 0.01


def test_the_decoder_alone_does_not_change_the_tokens():
    plain = toy_codec()
    codec = SecoustiCodec(replace(plain.config, voice_injection=True))
    codec.load_state_dict(plain.state_dict(), strict=False)
    assert codec.token_hash == plain.token_hash


@pytest.mark.parametrize("most", [700, 5000])
def test_a_stream_is_the_whole(codec, wav, most):
    offline = codec.encode(wav, 22050)
    encoder = StreamEncoder(codec, batch_size=2)
    pieces = [encoder.push(wav[:, part]) for part in ragged(wav.shape[1], most)]
    assert torch.equal(torch.cat([*pieces, encoder.flush()], dim=-1), offline.codes)
    decoder = StreamDecoder(codec, offline.paralinguistic, batch_size=2)
    heard = [decoder.push(offline.codes[..., s]) for s in ragged(offline.codes.shape[-1], 9)]
    heard, whole = torch.cat([*heard, decoder.flush()], dim=-1), codec.decode(offline)
    common = min(heard.shape[-1], whole.shape[-1])
    torch.testing.assert_close(
        heard[..., :common], whole[..., :common], atol=AUDIO_TOLERANCE, rtol=0
    )


def test_padding_changes_no_token_whatever_the_length(codec):
    rows = [toy_speech(seconds)[0] for seconds in (1.0, 0.31, 0.702)]
    together = codec.encode(rows, 22050)
    for row, codes in zip(rows, together.codes, strict=True):
        alone = codec.encode(row, 22050).codes[0]
        assert torch.equal(codes[:, : alone.shape[-1]], alone)
    # Frames that end within a token, as in the last chunk of a stream.
    mel = torch.randn(2, 80, 16)
    lengths = torch.tensor([16, 10])
    both = codec.encoder(mel, None, lengths)[0]
    torch.testing.assert_close(both[1:, :, :3], codec.encoder(mel[1:, :, :10])[0])


def test_no_token_hears_the_next(codec):
    mel = torch.randn(1, 80, 24)
    changed = mel.clone()
    changed[..., 12:] += 1
    before, after = codec.encoder(mel)[0], codec.encoder(changed)[0]
    assert torch.equal(before[..., :3], after[..., :3])
    # and the first frame of a token hears its last
    heard = codec.encoder.attention(mel)
    changed = mel.clone()
    changed[..., 3] += torch.randn(80)
    assert not torch.equal(codec.encoder.attention(changed)[..., 0], heard[..., 0])


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_packed_for_one_core(codec, wav, precision):
    packed = codec.for_streaming(precision)
    offline = codec.encode(wav[:1], 22050)
    same = (packed.encode(wav[:1], 22050).codes == offline.codes).float().mean()
    assert same == 1 if precision == "float32" else same > 0.5
    mel = codec.decode_mel(offline)
    torch.testing.assert_close(packed.decode_mel(offline), mel, atol=1e-4, rtol=0)


def test_it_is_saved_and_loaded(codec, wav, tmp_path):
    codec.save_pretrained(tmp_path)
    loaded = SecoustiCodec.from_pretrained(tmp_path)
    assert loaded.token_hash == codec.token_hash
    assert torch.equal(loaded.encode(wav, 22050).codes, codec.encode(wav, 22050).codes)


def test_values_that_make_no_sense_are_refused():
    with pytest.raises(SecoustiError, match="num_heads"):
        TokenAttentionConfig(dimension=10, num_heads=3)
    with pytest.raises(SecoustiError, match="several mel frames"):
        replace(toy_config(), seanet=SEANetConfig(ratios=(1,)), **OPTIONS)
