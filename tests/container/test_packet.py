"""Packets: each decodes alone, none is larger than the link takes, damage shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secousti.container import ContainerError, CorruptedError
from secousti.container.packet import FRAMING, PacketCodec
from tests.container.files import make_header, make_voice
from tests.entropy.toy import likely_tokens, toy_coder

PACKED = PacketCodec(make_header(), None)
CODES = np.random.default_rng(0).integers(0, 6561, (1, 700))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[PacketCodec, np.ndarray]:
    coder = toy_coder(tmp_path_factory.mktemp("coder") / "coder")
    header = make_header(payload="learned", voice_form=1, coder_hash=coder.token_hash)
    return PacketCodec(header, coder), likely_tokens(coder, 400)[None]


@given(st.integers(1, 255))
@settings(deadline=None, max_examples=20)
def test_a_packet_is_undone(frames: int) -> None:
    packet = PACKED.make(CODES[:, :frames], make_voice(3))
    codes, voice = PACKED.read(packet)
    np.testing.assert_array_equal(codes, CODES[:, :frames])
    np.testing.assert_array_equal(voice, make_voice(3))
    assert PACKED.account(packet).total == 8 * len(packet)
    assert PACKED.account(packet).container == 16


@pytest.mark.parametrize("size", [100, 237])
def test_speech_in_packets(learned: tuple[PacketCodec, np.ndarray], size: int) -> None:
    """Out of order and with losses, every packet that arrives is decoded."""
    for packets, codes in (learned, (PACKED, CODES)):
        made = list(packets.split(codes, make_voice(1), size))
        assert max(map(len, made)) <= size
        assert min(map(len, made[:-1])) > size - 4 or packets is not PACKED
        back = [packets.read(packet)[0] for packet in reversed(made)]
        np.testing.assert_array_equal(np.concatenate(back[::-1], axis=1), codes)
    assert len(list(learned[0].split(learned[1], make_voice(1), size))) < len(
        list(PACKED.split(learned[1], make_voice(1), size))
    )


@given(st.integers(0, 8 * 100 - 1))
@settings(deadline=None, max_examples=50)
def test_a_flipped_bit_shows(bit: int) -> None:
    packet = bytearray(next(PACKED.split(CODES, make_voice(0), 100)))
    bit %= 8 * len(packet)
    packet[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptedError):
        PACKED.read(bytes(packet))


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_are_a_packet_or_an_error(
    learned: tuple[PacketCodec, np.ndarray], data: bytes
) -> None:
    for packets in (PACKED, learned[0]):
        try:
            codes, _ = packets.read(data)
        except ContainerError:
            continue
        assert codes.shape == (1, data[0])


def test_another_codec_shows() -> None:
    packet = PACKED.make(CODES[:, :20], make_voice(0))
    with pytest.raises(CorruptedError, match="of another codec"):
        PacketCodec(make_header(token_hash="00" * 8), None).read(packet)


def test_what_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ContainerError, match="cannot hold a frame"):
        list(PACKED.split(CODES, make_voice(0), FRAMING + 64 + 1))
    with pytest.raises(ContainerError, match="1 to 255 frames"):
        PACKED.make(CODES, make_voice(0))
    with pytest.raises(ContainerError, match="needs a voice"):
        PACKED.make(CODES[:, :5], None)
