"""Live sessions of the causal codec are its offline result, with the latency it promises."""

from __future__ import annotations

import pytest
import torch

from secousti import SecoustiError
from secousti.p2psyn import P2PSynStreamDecoder, P2PSynStreamEncoder
from secousti.sessions.concealment import LOST
from tests.p2psyn.toy import half_causal_codec, toy_codec


@pytest.mark.parametrize("chunk", [37, 320, 1000, 32000])
def test_encoder(chunk: int, speech: torch.Tensor) -> None:
    codec = toy_codec(causal=True)
    want = codec.encode(speech, codec.sample_rate).codes
    stream = P2PSynStreamEncoder(codec)
    for _ in range(2):  # a flush begins anew
        parts = [stream.push(piece) for piece in speech.split(chunk)]
        assert torch.equal(torch.cat([*parts, stream.flush()], dim=-1), want)


@pytest.mark.parametrize("lookahead", [0, 1, 3])
@pytest.mark.parametrize(
    ("chunk", "mode"), [(1, "all"), (7, "all"), (101, "all"), (7, "plain"), (7, "expected")]
)
def test_decoder(lookahead: int, chunk: int, mode: str, speech: torch.Tensor) -> None:
    codec = toy_codec(causal=True, lookahead=lookahead)
    encoded = codec.encode(
        speech[:16000], codec.sample_rate
    )  # 51 tokens, 7 times the attention's context
    want = codec.decode(encoded, mode=mode)
    stream = P2PSynStreamDecoder(codec, mode=mode)
    for _ in range(2):
        parts = [stream.push(piece) for piece in encoded.codes.split(chunk, dim=-1)]
        heard = torch.cat([*parts, stream.flush()], dim=-1)
        assert heard.shape[-1] >= want.shape[-1]
        torch.testing.assert_close(heard[..., : want.shape[-1]], want, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("lookahead", [0, 2])
def test_latency_is_what_it_says(lookahead: int, speech: torch.Tensor) -> None:
    """After n samples in, n - latency + frame_size are out: 20 ms and 2.5 ms without look-ahead."""
    codec = toy_codec(causal=True, lookahead=lookahead)
    assert codec.latency() == 320 + 40 + 320 * lookahead
    encoder, decoder = P2PSynStreamEncoder(codec), P2PSynStreamDecoder(codec)
    heard = 0
    for n in range(1, 9):
        codes = encoder.push(speech[320 * (n - 1) : 320 * n])
        assert codes.shape[-1] == 1
        heard += decoder.push(codes).shape[-1]
        assert heard == max(0, 320 * n - codec.delay)


@pytest.mark.parametrize("lookahead", [0, 2])
def test_the_future_changes_nothing(lookahead: int, speech: torch.Tensor) -> None:
    codec = toy_codec(causal=True, lookahead=lookahead)
    codes = codec.encode(speech, codec.sample_rate).codes
    changed = speech.clone()
    changed[16000:] = torch.randn(16000) * 0.3
    assert torch.equal(codec.encode(changed, 16000).codes[..., :50], codes[..., :50])
    assert not torch.equal(codec.encode(changed, 16000).codes[..., 50:], codes[..., 50:])
    first = codec.decode(codec.encode(speech, 16000))[..., : 16000 - codec.delay]
    other = codec.decode(codec.encode(changed, 16000))[..., : 16000 - codec.delay]
    torch.testing.assert_close(first, other, atol=1e-5, rtol=1e-4)


def test_rows_are_independent(speech: torch.Tensor) -> None:
    codec = toy_codec(causal=True, lookahead=1)
    a, b = (
        codec.encode(speech, codec.sample_rate).codes[0, 0],
        codec.encode(speech.flip(0), codec.sample_rate).codes[0, 0],
    )
    alone = P2PSynStreamDecoder(codec)
    want_a = torch.cat([alone.push(a), alone.flush()], dim=-1)[0, 0]
    want_b = torch.cat([alone.push(b), alone.flush()], dim=-1)[0, 0]
    stream = P2PSynStreamDecoder(codec, batch_size=2)
    heard: list[list[torch.Tensor]] = [[], []]
    for step in ([a[:30], b[:5]], [None, b[5:40]], [a[30:], None]):
        for row, audio in zip(heard, stream.push_rows(step), strict=True):
            row.append(audio)
    heard[0].append(stream.flush_rows([0])[0])
    again = torch.cat([stream.push_rows([b, None])[0], stream.flush_rows([0])[0]])
    heard[1].append(stream.push_rows([None, b[40:]])[1])
    heard[1].append(stream.flush_rows([1])[1])
    torch.testing.assert_close(torch.cat(heard[0]), want_a, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(torch.cat(heard[1]), want_b, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(again, want_b, atol=1e-5, rtol=1e-4)


def test_encoder_rows_and_other_rates(speech: torch.Tensor) -> None:
    codec = toy_codec(causal=True)
    want = [codec.encode(x, sample_rate=24000).codes[0, 0] for x in (speech, speech[:7001])]
    stream = P2PSynStreamEncoder(codec, batch_size=2, sample_rate=24000)
    got = [[t] for t in stream.push_rows([speech[:100], speech[:7001]])]
    got[1].append(stream.flush_rows([1])[1])
    got[0].append(stream.push_rows([speech[100:], None])[0])
    got[0].append(stream.flush_rows([0])[0])
    for tokens, wanted in zip(got, want, strict=True):
        assert torch.equal(torch.cat(tokens), wanted)


def test_the_plain_path_streams_without_its_pseudo_vqs(speech: torch.Tensor) -> None:
    """Non-causal pseudo VQs stand in the way of those modes only that ask them."""
    codec = half_causal_codec()
    assert not codec.streams()
    assert codec.latency() is None
    encoder = P2PSynStreamEncoder(codec)
    parts = [encoder.push(piece) for piece in speech.split(777)]
    encoded = codec.encode(speech, codec.sample_rate)
    assert torch.equal(torch.cat([*parts, encoder.flush()], dim=-1), encoded.codes)
    for mode in ("plain", "zeros"):
        assert codec.streams(mode)
        want = codec.decode(encoded, mode=mode)
        stream = P2PSynStreamDecoder(codec, mode=mode)
        parts = [stream.push(piece) for piece in encoded.codes.split(7, dim=-1)]
        heard = torch.cat([*parts, stream.flush()], dim=-1)[..., : want.shape[-1]]
        torch.testing.assert_close(heard, want, atol=1e-5, rtol=1e-4)
    for refused in ("all", "expected", ["drop", "sample"]):
        with pytest.raises(SecoustiError, match=r"pseudo VQs of .* mode 'plain'"):
            P2PSynStreamDecoder(codec, mode=refused)


def test_lost_tokens_are_the_last_that_arrived(speech: torch.Tensor) -> None:
    codec = toy_codec(causal=True)
    codes = codec.encode(speech, codec.sample_rate).codes[0, 0]
    gappy, repaired = codes.clone(), codes.clone()
    gappy[[5, 20, 21, 22]] = LOST
    repaired[5], repaired[20:23] = codes[4], codes[19]
    stream = P2PSynStreamDecoder(codec)
    parts = [stream.push(piece) for piece in gappy.split(3)]
    heard = torch.cat([*parts, stream.flush()], dim=-1)
    want = torch.cat([stream.push(repaired), stream.flush()], dim=-1)
    torch.testing.assert_close(heard, want, atol=1e-5, rtol=1e-4)
    with pytest.raises(SecoustiError, match="needs an FSQ codec"):
        P2PSynStreamDecoder(codec, concealment="fade")


def test_a_non_causal_codec_does_not_stream() -> None:
    for session in (P2PSynStreamEncoder, P2PSynStreamDecoder):
        with pytest.raises(SecoustiError, match="not causal"):
            session(toy_codec())
