"""Live sessions of the causal codec are its offline result, with the latency it promises."""

from __future__ import annotations

import pytest
import torch

from secousti import SecoustiError
from secousti.p2psyn.streaming import P2PSynStreamDecoder, P2PSynStreamEncoder
from tests.p2psyn.toy import toy_codec


@pytest.mark.parametrize("chunk", [37, 320, 1000, 32000])
def test_encoder(chunk: int, speech: torch.Tensor) -> None:
    codec = toy_codec(causal=True)
    want = codec.encode(speech).codes
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
    encoded = codec.encode(speech[:16000])  # 51 tokens, 7 times the attention's context
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
    assert codec.latency == 320 + 40 + 320 * lookahead
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
    codes = codec.encode(speech).codes
    changed = speech.clone()
    changed[16000:] = torch.randn(16000) * 0.3
    assert torch.equal(codec.encode(changed).codes[..., :50], codes[..., :50])
    assert not torch.equal(codec.encode(changed).codes[..., 50:], codes[..., 50:])
    first = codec.decode(codec.encode(speech))[..., : 16000 - codec.delay]
    other = codec.decode(codec.encode(changed))[..., : 16000 - codec.delay]
    torch.testing.assert_close(first, other, atol=1e-5, rtol=1e-4)


def test_rows_are_independent(speech: torch.Tensor) -> None:
    codec = toy_codec(causal=True, lookahead=1)
    a, b = codec.encode(speech).codes[0, 0], codec.encode(speech.flip(0)).codes[0, 0]
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


def test_a_non_causal_codec_does_not_stream() -> None:
    for session in (P2PSynStreamEncoder, P2PSynStreamDecoder):
        with pytest.raises(SecoustiError, match="not causal"):
            session(toy_codec())
