"""P2PSynCodec made for streaming: bit-equal in every mode that streams, at every precision."""

from __future__ import annotations

import pytest
import torch

from secousti import SecoustiError, StreamDecoder, StreamEncoder, load_codec
from secousti.audio.io import load_audio
from secousti.onecore import native
from secousti.onecore.linear import PRECISIONS
from tests.onecore.test_streaming_codec import SPEECH
from tests.p2psyn.toy import half_causal_codec, toy_codec
from tests.toy import ragged, toy_speech

pytestmark = pytest.mark.usefixtures("all_int8")
LEAST_EQUAL = {"float32": 1.0, "float16": 0.97, "int8": 0.8}
ERROR = {"float32": 1e-4, "float16": 1e-2, "int8": 0.2}


def speech(rows: int = 1) -> torch.Tensor:
    return toy_speech(0.9, 16000, rows=rows) + 0.01


@pytest.mark.parametrize("lookahead", [0, 2])
@pytest.mark.parametrize("mode", ["plain", "all", "expected"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_streams_are_bit_equal_to_offline(precision, mode: str, lookahead: int) -> None:
    """Past several attention windows, in ragged chunks, two rows at once."""
    fast = toy_codec(causal=True, lookahead=lookahead).for_streaming(precision)
    wav = speech(rows=2)
    encoded = fast.encode(wav, 16000)
    encoder = StreamEncoder(fast, batch_size=2)
    slices = ragged(wav.shape[1], 3 * fast.frame_size)
    codes = torch.cat([*(encoder.push(wav[:, s]) for s in slices), encoder.flush()], dim=-1)
    assert torch.equal(codes, encoded.codes)
    decoder = StreamDecoder(fast, batch_size=2, mode=mode)
    slices = ragged(codes.shape[-1], 5)
    sound = torch.cat([*(decoder.push(codes[..., s]) for s in slices), decoder.flush()], dim=-1)
    offline = fast.decode(encoded, mode=mode)
    assert offline.abs().max() > 1e-3
    count = min(sound.shape[-1], offline.shape[-1])
    assert count >= offline.shape[-1] - fast.hop_length
    assert torch.equal(sound[..., :count], offline[..., :count])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_true_to_the_codec_it_was_made_from(precision) -> None:
    codec = toy_codec(causal=True)
    fast = codec.for_streaming(precision)
    encoded = codec.encode(speech(), 16000)
    same = fast.encode(speech(), 16000).codes == encoded.codes
    assert same.float().mean() >= LEAST_EQUAL[precision]
    for mode in ("plain", "expected"):  # a likeliest token is another one after the least error
        expected = codec.decode(encoded, mode=mode)
        error = (fast.decode(encoded, mode=mode) - expected).abs().max() / expected.abs().max()
        assert error < ERROR[precision]


def test_the_c_code_says_what_pytorch_says(monkeypatch: pytest.MonkeyPatch) -> None:
    if native.load() is None:
        pytest.skip("no C compiler")
    codec = toy_codec(causal=True)
    encoded = codec.encode(speech(), 16000)
    compiled = codec.for_streaming("int8").decode(encoded, mode="plain")
    monkeypatch.setattr(native, "load", lambda: None)
    plain = codec.for_streaming("int8").decode(encoded, mode="plain")
    assert not torch.equal(compiled, plain)
    torch.testing.assert_close(compiled, plain, atol=0.05 * float(plain.abs().max()), rtol=0)


def test_only_what_streams_is_decoded() -> None:
    """Pseudo VQs that need later tokens leave the plain mode."""
    fast = half_causal_codec().for_streaming("int8")
    encoded = fast.encode(speech(), 16000)
    assert fast.streams("plain")
    assert fast.decode(encoded, mode="plain").shape[-1] == speech().shape[-1]
    with pytest.raises(SecoustiError, match="plain"):
        fast.decode(encoded, mode="all")
    with pytest.raises(SecoustiError, match="plain"):
        StreamDecoder(fast, mode="all")
    with pytest.raises(SecoustiError, match="not causal"):
        toy_codec().for_streaming("int8")


def test_the_bundled_codec_keeps_its_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    codec = load_codec("p2psyn-mini-16k")
    wav, rate = load_audio(SPEECH)
    encoded = codec.encode(wav[:44100], rate)
    for precision in PRECISIONS:
        fast = codec.for_streaming(precision)
        assert fast.weight_hash == codec.weight_hash
        assert torch.equal(fast.encode(wav[:44100], rate).codes, encoded.codes)
