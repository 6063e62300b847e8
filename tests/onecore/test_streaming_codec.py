"""Codecs made for streaming: bit-equal streams at every precision, and true to their source."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from secousti import SecoustiCodec, SecoustiError, StreamDecoder, StreamEncoder
from secousti.audio.io import load_audio
from secousti.onecore import native
from secousti.onecore.backbone import StepBackbone
from secousti.onecore.linear import PRECISIONS, pack
from secousti.streaming.state import named_tensors
from secousti.vocoder.backbone import ConvNeXt
from tests.toy import AUDIO_TOLERANCE, ragged, toy_codec, toy_speech

pytestmark = pytest.mark.usefixtures("all_int8")
SPEECH = Path(__file__).parents[2] / "examples" / "speech.wav"
# The toys' random weights leave many digits on the edge; the least share of equal ids.
LEAST_EQUAL = {"float32": 1.0, "float16": 0.97, "int8": 0.85}
MEL_ERROR = {"float32": 2e-5, "float16": 5e-3, "int8": 0.1}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_streams_are_bit_equal_to_offline(codec: SecoustiCodec, precision) -> None:
    """Past three times the attention window, in ragged chunks, two rows at once."""
    fast = codec.for_streaming(precision)
    wav = toy_speech(60 * codec.frame_size / 22050, rows=2) + 0.01
    encoded = fast.encode(wav, fast.sample_rate)
    encoder = StreamEncoder(fast, batch_size=2)
    slices = ragged(wav.shape[1], 3 * codec.frame_size)
    codes = torch.cat([*(encoder.push(wav[:, s]) for s in slices), encoder.flush()], dim=-1)
    assert torch.equal(codes, encoded.codes)
    decoder = StreamDecoder(fast, encoded.paralinguistic, batch_size=2)
    slices = ragged(codes.shape[-1], 5)
    sound = torch.cat([*(decoder.push(codes[..., s]) for s in slices), decoder.flush()], dim=-1)
    offline = fast.decode(encoded)
    assert offline.abs().max() > 1e-3
    assert torch.equal(sound[..., : offline.shape[-1]], offline)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_true_to_the_codec_it_was_made_from(codec: SecoustiCodec, precision) -> None:
    fast = codec.for_streaming(precision)
    encoded = codec.encode(toy_speech(60 * codec.frame_size / 22050) + 0.01, codec.sample_rate)
    codes = fast.encode(toy_speech(60 * codec.frame_size / 22050) + 0.01, fast.sample_rate).codes
    assert (codes == encoded.codes).float().mean() >= LEAST_EQUAL[precision]
    error = (fast.decode_mel(encoded) - codec.decode_mel(encoded)).abs().max()
    assert error < MEL_ERROR[precision]
    if precision == "float32":
        sound, expected = fast.decode(encoded), codec.decode(encoded)
        torch.testing.assert_close(sound, expected, atol=AUDIO_TOLERANCE, rtol=0)
    else:
        assert error > 0


def test_the_harmonic_vocoder_streams_bit_equal() -> None:
    mini = SecoustiCodec.from_pretrained("mini-21hz")
    wav, _ = load_audio(SPEECH)
    encoded = mini.encode(wav[:40000], mini.sample_rate)
    for precision in PRECISIONS:
        fast = mini.for_streaming(precision)
        offline = fast.decode(encoded)
        decoder = StreamDecoder(fast, encoded.paralinguistic)
        pieces = [decoder.push(encoded.codes[..., s]) for s in ragged(encoded.codes.shape[-1], 4)]
        sound = torch.cat([*pieces, decoder.flush()], dim=-1)[..., : offline.shape[-1]]
        assert torch.equal(sound, offline)
        if precision == "float32":
            torch.testing.assert_close(offline, mini.decode(encoded), atol=1e-4, rtol=0)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_rows_do_not_hear_each_other(precision) -> None:
    fast = toy_codec().for_streaming(precision)
    short, long = toy_speech(0.7, seed=1), toy_speech(1.6, seed=2)
    alone = [fast.encode(short, fast.sample_rate), fast.encode(long, fast.sample_rate)]
    both = fast.encode([short[0].numpy(), long[0].numpy()], fast.sample_rate)
    for i in range(2):
        assert torch.equal(both[i].codes, alone[i].codes)
    decoded = fast.decode(both)
    assert torch.equal(decoded[1:], fast.decode(both[1]))


def test_a_stream_begins_anew_after_a_reset() -> None:
    fast = toy_codec().for_streaming("int8")
    wav = toy_speech(2.0)
    encoder = StreamEncoder(fast)
    first = torch.cat([encoder.push(wav), encoder.flush()], dim=-1)
    encoder.push(toy_speech(1.0, seed=5))
    encoder.reset()
    again = torch.cat([encoder.push(wav), encoder.flush()], dim=-1)
    assert torch.equal(first, again)


def test_state_is_of_one_size() -> None:
    fast = toy_codec().for_streaming("int8")
    encoder, decoder = StreamEncoder(fast), StreamDecoder(fast)
    sizes = set()
    for _ in range(4):
        decoder.push(encoder.push(toy_speech(1.0)))
        tensors = [t for s in (encoder.state, decoder.state) for _, t in named_tensors(s)]
        sizes.add(sum(t.untyped_storage().nbytes() for t in tensors))
    assert len(sizes) == 1


def test_it_is_the_same_model_to_others_and_cannot_be_saved(tmp_path) -> None:
    codec = toy_codec()
    fast = codec.for_streaming("int8")
    assert fast.weight_hash == codec.weight_hash
    assert fast.latency() == codec.latency()
    with pytest.raises(SecoustiError, match="save the codec"):
        fast.save_pretrained(tmp_path / "fast")
    assert fast.for_streaming("int8") is fast
    with pytest.raises(SecoustiError, match="packed as int8"):
        fast.for_streaming("float16")
    with pytest.raises(SecoustiError, match="not 'int3'"):
        codec.for_streaming("int3")  # type: ignore[arg-type]


def test_the_c_code_says_what_pytorch_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there is a compiler must not matter beyond rounding."""
    monkeypatch.undo()
    if native.load() is None:
        pytest.skip("no C compiler")
    codec = SecoustiCodec.from_pretrained("mini-21hz")
    wav, _ = load_audio(SPEECH)
    compiled = codec.for_streaming("int8")
    assert compiled.connector.native is not None
    monkeypatch.setattr(native, "load", lambda: None)
    plain = codec.for_streaming("int8")
    assert plain.connector.native is None
    encoded = codec.encode(wav[:60000], codec.sample_rate)
    # A last bit may move a number over the edge of one of its 256 steps, and no further.
    same = (
        compiled.encode(wav[:60000], compiled.sample_rate).codes
        == plain.encode(wav[:60000], plain.sample_rate).codes
    )
    assert same.float().mean() > 0.95
    ours, theirs = compiled.decode_mel(encoded), plain.decode_mel(encoded)
    error = (theirs - codec.decode_mel(encoded)).abs()  # of 8 bits themselves
    assert (ours - theirs).abs().mean() < 0.75 * error.mean() < 0.01
    assert (ours - codec.decode_mel(encoded)).abs().mean() < 1.1 * error.mean()


@pytest.mark.parametrize("rows", [1, 3])
def test_packed_linear_layers(rows: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(12, 40, generator=generator), torch.randn(12, generator=generator)
    x = torch.randn(rows, 40, generator=generator)
    exact = torch.nn.functional.linear(x, weight, bias)
    for precision, tolerance in (("float32", 1e-5), ("float16", 1e-2), ("int8", 0.3)):
        layer = pack(weight, bias, precision)
        torch.testing.assert_close(layer(x), exact, atol=tolerance, rtol=0)
        if precision == "int8":  # a row's scale is its own
            assert torch.equal(layer(x)[:1], layer(x[:1]))


@pytest.mark.parametrize("frames", [1, 4, 9])
def test_the_backbone_in_c_says_what_pytorch_says(
    frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if native.load() is None:
        pytest.skip("no C compiler")
    torch.manual_seed(0)
    backbone = ConvNeXt(8, 16, 3, 7, 3).eval()
    for block in backbone.convs.layers[1:]:
        torch.nn.init.normal_(block.gamma)
    compiled = StepBackbone(backbone, "int8")
    monkeypatch.setattr(native, "load", lambda: None)
    plain = StepBackbone(backbone, "int8")
    assert compiled.blocks.native is not None
    assert plain.blocks.native is None
    states = compiled.init_state(1), plain.init_state(1)
    for piece in torch.randn(1, 8, 6 * frames).split(frames, dim=-1):
        before = {key: value.clone() for key, value in states[0].items()}
        (ours, mine), (theirs, others) = (
            step(piece, state) for step, state in zip((compiled, plain), states, strict=True)
        )
        assert all(torch.equal(states[0][key], before[key]) for key in before), "a state is kept"
        states = mine, others
        torch.testing.assert_close(ours, theirs, atol=0.03, rtol=0)
        torch.testing.assert_close(mine["past"], others["past"], atol=0.03, rtol=0)


def test_tokens_of_a_small_codec_are_those_of_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    codec = SecoustiCodec.from_pretrained("mini-21hz")
    wav, rate = load_audio(SPEECH)
    codes = codec.for_streaming("int8").encode(wav[:60000], rate).codes
    assert torch.equal(codes, codec.encode(wav[:60000], rate).codes)
