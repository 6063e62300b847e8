"""The refiner of decoded mels: off it is not there; on, streams give the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from secousti import SecoustiCodec, StreamDecoder
from secousti.config import RefinerConfig
from secousti.errors import SecoustiError
from secousti.export import export
from secousti.export.check import AUDIO_TOLERANCE
from tests.toy import ragged, toy_codec, toy_speech

SMALL = RefinerConfig(channels=24, layers=2)


@pytest.fixture(scope="module")
def codec() -> SecoustiCodec:
    """The toy's weights in float64 after the tokens, and a refiner that does something."""
    plain = toy_codec()
    codec = SecoustiCodec(replace(plain.config, refiner=SMALL, decode_precision="float64"))
    codec.load_state_dict(plain.state_dict(), strict=False)
    torch.manual_seed(1)
    assert codec.refiner is not None
    with torch.no_grad():
        codec.refiner.out.weight.normal_(0, 0.3)
    codec.eval().prepare()
    return codec


@pytest.fixture(scope="module")
def encoded(codec):
    return codec.encode(toy_speech(3.0, rows=2), codec.sample_rate)


def test_off_it_adds_nothing_and_begun_anew_it_changes_nothing(tmp_path, encoded):
    plain = toy_codec()
    assert "refiner" not in " ".join(plain.state_dict())
    plain.save_pretrained(tmp_path)
    codec = SecoustiCodec(replace(plain.config, refiner=SMALL)).eval()
    training = pytest.importorskip("train.codec.warm_start", reason="train runs from a checkout")
    assert training.warm_start(codec, str(tmp_path)) == ["refiner"]
    assert torch.equal(plain.decode_mel(encoded), codec.decode_mel(encoded))


def test_it_changes_the_sound_and_no_token(codec, encoded, tmp_path):
    plain = toy_codec()
    assert codec.token_hash == plain.token_hash
    assert (codec.decode_mel(encoded) - plain.decode_mel(encoded)).abs().max() > 0.1
    codec.save_pretrained(tmp_path)
    loaded = SecoustiCodec.from_pretrained(tmp_path)
    assert torch.equal(loaded.decode_mel(encoded), codec.decode_mel(encoded))
    listens = SecoustiCodec.from_pretrained(tmp_path, parts="encoder")
    codes = listens.encode(toy_speech(3.0, rows=2), codec.sample_rate).codes
    assert torch.equal(codes, encoded.codes)


@pytest.mark.parametrize("most", [1, 9])
@torch.no_grad()
def test_a_stream_of_mels_is_the_whole_to_the_last_digit(codec, most):
    mel = 2.5 * torch.randn(2, 80, 120, dtype=torch.float64) - 5
    state, pieces = codec.refiner.init_state(2, dtype=mel.dtype), []
    for part in ragged(120, most):
        if part.start < part.stop:
            piece, state = codec.refiner(mel[..., part], state)
            pieces.append(piece)
    assert torch.equal(torch.cat(pieces, dim=-1).float(), codec.refined(mel).float())


@torch.no_grad()
def test_a_stream_of_tokens_is_the_whole(codec, encoded):
    state, pieces = codec.mel_state(2), []
    for codes in encoded.codes.split(3, dim=-1):
        mel, state = codec.mel_step(codes, encoded.paralinguistic, state)
        pieces.append(mel)
    whole = codec.decode_mel(encoded)
    # S itself is of float32, as without a refiner.
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole, atol=2e-6, rtol=0)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_packed_for_one_core_it_streams_bit_for_bit(codec, encoded, precision):
    packed, one = codec.for_streaming(precision), encoded[0]
    whole = packed.decode(one)
    decoder = StreamDecoder(packed, one.paralinguistic)
    heard = [decoder.push(one.codes[..., s]) for s in ragged(one.codes.shape[-1], 9)]
    heard = torch.cat([*heard, decoder.flush()], dim=-1)[..., : whole.shape[-1]]
    assert torch.equal(heard, whole)
    error = (packed.decode_mel(one) - codec.decode_mel(one)).abs().max()
    assert error < (1e-4 if precision == "float32" else 0.5)


def test_no_frame_hears_a_later_one(codec):
    torch.manual_seed(0)
    mel = torch.randn(1, 80, 30, dtype=torch.float64)
    changed = mel.clone()
    changed[..., 20:] += 1
    with torch.no_grad():
        before, after = codec.refined(mel), codec.refined(changed)
    assert torch.equal(before[..., :20], after[..., :20])


def test_its_graphs_give_what_pytorch_gives(codec, tmp_path):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    agreement = export(codec, tmp_path).agreement
    assert agreement.equal == agreement.tokens
    assert agreement.mel < 1e-5
    assert agreement.audio is None or agreement.audio < AUDIO_TOLERANCE


def test_values_that_make_no_sense_are_refused():
    with pytest.raises(SecoustiError, match=r"refiner\.layers"):
        RefinerConfig(layers=0)
