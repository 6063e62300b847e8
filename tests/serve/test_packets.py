"""The wire format's bytes, as docs/serving.md has them."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secousti.serve.errors import Refused
from secousti.serve.packets import (
    audio_packet,
    audio_samples,
    mel_packet,
    packet_tokens,
    parse_packet,
    tokens_packet,
    voice_packet,
)


def test_bytes_of_every_kind() -> None:
    sound = np.array([0, 0.5, -1], np.float32)
    assert audio_packet(sound, 258, "s16le").hex(" ") == "01 00 00 00 02 01 00 00 00 00 00 40 01 80"
    assert audio_packet(sound[:1], 0, "f32le").hex() == "01" + "00" * 7 + "00000000"
    codes, lost = np.array([1, 2]), np.array([False, True])
    assert tokens_packet(codes, 5, 6561).hex(" ") == "02 00 02 00 05 00 00 00 43 33 00 00"
    assert tokens_packet(codes, 5, 6561, lost).hex(" ") == "02 01 02 00 05 00 00 00 43 33 00 00 02"
    assert voice_packet(np.full(64, -1, np.int8), 7).hex() == "0300000007000000" + "ff" * 64
    mel = np.array([[-20.0], [2.0]], np.float32)
    assert mel_packet(mel, 1, output=True).hex(" ") == "04 01 01 00 01 00 00 00 00 ff"


@given(
    st.lists(st.tuples(st.integers(0, 6560), st.booleans()), min_size=1, max_size=40),
    st.integers(0, 2**32 - 1),
)
def test_tokens_come_back(pairs: list[tuple[int, bool]], position: int) -> None:
    codes = np.array([code for code, _ in pairs])
    lost = np.array([gone for _, gone in pairs])
    packet = parse_packet(tokens_packet(codes, position, 6561, lost))
    back, gone = packet_tokens(packet, 6561)
    assert (back.tolist(), gone.tolist()) == (codes.tolist(), lost.tolist())
    assert packet.position == position


@given(st.binary(max_size=64))
def test_any_bytes_are_a_packet_or_refused(data: bytes) -> None:
    with contextlib.suppress(Refused):
        codes, lost = packet_tokens(parse_packet(data), 6561)
        assert len(codes) == len(lost) > 0
        assert codes.max() < 6561


@pytest.mark.parametrize("fmt", ["s16le", "f32le"])
def test_sound_comes_back(fmt: str) -> None:
    sound = np.linspace(-1, 1, 99, dtype=np.float32)
    back = audio_samples(parse_packet(audio_packet(sound, 0, fmt)), fmt)
    np.testing.assert_allclose(back, sound, atol=1e-4)
