"""Lost tokens: what is heard instead, and that nothing drifts afterwards."""

from __future__ import annotations

import pytest
import torch

from secousti import SecoustiError, StreamDecoder
from secousti.sessions.concealment import LOST, STRATEGIES, Concealer
from tests.toy import AUDIO_TOLERANCE, toy_codec, toy_speech


def digits(*values: int) -> int:
    """The token with these digits (-1, 0, 1), least significant first, zeros after them."""
    padded = [*values, *[0] * (8 - len(values))]
    return sum((d + 1) * 3**i for i, d in enumerate(padded))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("repeat", [digits(1, 1), digits(1, 1)]),
        ("fade", [digits(1, 1), digits(0, 0)]),
        ("mask", [digits(), digits()]),
        ("interpolate", [digits(0, 1), digits(0, 1)]),
    ],
)
def test_what_fills_a_gap(strategy, expected: list[int]) -> None:
    concealer = Concealer(3**8, (3,) * 8, strategy)
    a, b = digits(1, 1), digits(-1, 1)
    filled = concealer.fill(torch.tensor([a, LOST, LOST, b]))
    assert filled.tolist() == [a, *expected, b]


def test_interpolation_without_a_future_fades() -> None:
    concealer = Concealer(3**8, (3,) * 8, "interpolate")
    concealer.fill(torch.tensor([digits(1)]))
    assert concealer.fill(torch.tensor([LOST])).tolist() == [digits(1)]
    assert concealer.fill(torch.tensor([LOST])).tolist() == [digits()]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_decoding_recovers_without_drift(strategy) -> None:
    """Once every window holds true tokens only, the sound is as if nothing had been lost."""
    codec = toy_codec()
    encoded = codec.encode(toy_speech(120 * 1024 / 22050), codec.sample_rate)
    lossy = encoded.codes.clone()
    lossy[..., [5, 6, 9, 20]] = LOST
    voice = encoded.paralinguistic
    clean = play(StreamDecoder(codec, voice), encoded.codes)
    heard = play(StreamDecoder(codec, voice, concealment=strategy), lossy)
    assert heard.shape == clean.shape
    before = 5 * 1024 - codec.vocoder.delay
    torch.testing.assert_close(heard[..., :before], clean[..., :before])
    assert (heard - clean).abs().max() > 1e-3
    # context 12 through 2 + 1 layers of attention, then convolutions and the vocoder
    after = (21 + 3 * 12 + 16) * 1024
    torch.testing.assert_close(heard[..., after:], clean[..., after:], atol=AUDIO_TOLERANCE, rtol=0)


def play(decoder: StreamDecoder, codes: torch.Tensor) -> torch.Tensor:
    pieces = [decoder.push(codes[..., i : i + 1]) for i in range(codes.shape[-1])]
    return torch.cat([*pieces, decoder.flush()], dim=-1)


def test_unknown_strategy() -> None:
    with pytest.raises(SecoustiError, match="not 'hope'"):
        StreamDecoder(toy_codec(), concealment="hope")  # type: ignore[arg-type]
