"""WAV through pipes."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from secousti.errors import SecoustiError
from secousti.files.wav import WavReader, WavWriter, wav_header

NOISE = np.random.default_rng(0).uniform(-0.9, 0.9, (1001, 2)).astype(np.float32)


def wav_bytes(subtype: str, channels: int = 1, kind: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, NOISE[:, :channels], 16000, format=kind, subtype=subtype)
    return file.getvalue()


def read_all(data: bytes, block: int = 64) -> np.ndarray:
    reader = WavReader(io.BytesIO(data), "a.wav")
    blocks = []
    while len(chunk := reader.read(block)):
        assert len(chunk) <= block
        blocks.append(chunk)
    return np.concatenate([np.zeros(0, np.float32), *blocks])


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_are_those_of_libsndfile(subtype: str, kind: str, channels: int) -> None:
    data = wav_bytes(subtype, channels, kind)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    np.testing.assert_allclose(read_all(data), expected.mean(1), atol=1e-6)


@pytest.mark.parametrize("block", [1, 7, 500, 5000])
def test_any_block_size(block: int) -> None:
    expected, _ = soundfile.read(io.BytesIO(wav_bytes("PCM_16")), dtype="float32")
    np.testing.assert_array_equal(read_all(wav_bytes("PCM_16"), block), expected)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_that_is_not_known(size: int) -> None:
    data = bytearray(wav_bytes("PCM_16"))
    assert data[36:40] == b"data"
    data[40:44] = size.to_bytes(4, "little")
    assert len(read_all(bytes(data))) == 1001


def test_what_follows_the_audio_is_left_alone() -> None:
    assert len(read_all(wav_bytes("PCM_16") + b"LIST\4\0\0\0abcd")) == 1001


def test_a_file_that_is_cut_short() -> None:
    with pytest.raises(SecoustiError, match=r"a\.wav is cut short: its WAV audio"):
        read_all(wav_bytes("PCM_16")[:-100])
    with pytest.raises(SecoustiError, match=r"a\.wav is cut short: it ends in the WAV header"):
        read_all(wav_bytes("PCM_16")[:30])


def test_samples_that_are_no_numbers() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.array([0, np.inf]), 16000, format="WAV", subtype="FLOAT")
    with pytest.raises(SecoustiError, match=r"a\.wav has a NaN or infinite sample"):
        read_all(file.getvalue())


def test_codings_that_are_not_read() -> None:
    with pytest.raises(SecoustiError, match="coding 2"):
        read_all(wav_bytes("MS_ADPCM"))


@given(st.binary(max_size=200), st.integers(0, 60))
def test_any_bytes_are_samples_or_an_error(data: bytes, keep: int) -> None:
    for stream in (data, wav_bytes("PCM_16")[:keep] + data):
        with contextlib.suppress(SecoustiError):
            read_all(stream)


def test_writing_to_a_file_completes_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with open(path, "wb") as file:
        writer = WavWriter(file, 16000)
        for start in range(0, 1001, 100):
            writer.write(NOISE[start : start + 100, 0])
        writer.close()
    found, rate = soundfile.read(path, dtype="float32")
    assert rate == 16000
    np.testing.assert_allclose(found, NOISE[:, 0], atol=1e-4)
    assert path.read_bytes()[:44] == wav_header(16000, 1001)


def test_appending_to_a_file_leaves_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with open(path, "ab") as file:
        writer = WavWriter(file, 16000)
        writer.write(NOISE[:, 0])
        writer.close()
    assert path.read_bytes()[:44] == wav_header(16000, None)
    assert path.stat().st_size == 44 + 2002


def test_a_pipe_gets_a_header_of_unknown_length() -> None:
    file = io.BytesIO()
    writer = WavWriter(file, 8000)
    writer.write(NOISE[:, 0])
    writer.close()
    np.testing.assert_allclose(read_all(file.getvalue()), NOISE[:, 0], atol=1e-4)
