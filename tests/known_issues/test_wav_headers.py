"""WAV as programs of the world write it: lengths, containers, chunks, what follows the audio."""

from __future__ import annotations

import io
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from data_prep.audio import AudioFault, Limits, load_checked
from secousti.audio.io import load_audio
from secousti.audio.opening import open_audio
from secousti.audio.wav import WavReader
from secousti.errors import SecoustiError
from tests.pipe import Pipe

RATE = 16000
SOUND = (np.sin(np.arange(4001) * 0.05) * 0.5).astype(np.float32)
PCM = np.round(SOUND * 32767).astype("<i2").tobytes()


def wav(
    body: bytes = PCM,
    size: int | None = None,
    layout: tuple[int, ...] = (1, 1, RATE, 2 * RATE, 2, 16),
    before: bytes = b"",
    riff: bytes = b"RIFF",
) -> bytes:
    order = ">" if riff == b"RIFX" else "<"
    fmt = struct.pack(f"{order}HHIIHH", *layout)
    size = len(body) if size is None else size
    head = riff + struct.pack(f"{order}I", min(size + 36, 0xFFFFFFFF)) + b"WAVE" + before
    return head + b"fmt " + struct.pack(f"{order}I", 16) + fmt + b"data" + struct.pack(
        f"{order}I", size
    ) + body  # fmt: skip


def read(data: bytes, way: str, tmp_path: Path) -> np.ndarray:
    if way == "pipe":
        with open_audio(Pipe(data), "a.wav") as reader:  # type: ignore[arg-type]
            return reader.read_all()[:, 0]
    if way == "data_prep":
        (tmp_path / "a.wav").write_bytes(data)
        return load_checked(str(tmp_path / "a.wav"), RATE, Limits(min_seconds=0.1))
    return load_audio(data)[0].numpy()


WAYS = pytest.mark.parametrize("way", ["pipe", "memory", "data_prep"])


# Users saw (kaldi#1567, lhotse#913, getID3#468): a whole recording refused, for its length is a
# place-holder.
@WAYS
@pytest.mark.parametrize(
    "size",
    [0, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFF00, 0xFFFFFFFF - 44, 0x7FFFF000, 0x7FFFEFFF, 0x7FFFFF00,
     0x7FFFFFFF, 0x7FFFFFFF - 36, 0x80000000, 0x80000000 + 36],
)  # fmt: skip
def test_a_length_that_was_not_known(size: int, way: str, tmp_path: Path) -> None:
    np.testing.assert_allclose(read(wav(size=size), way, tmp_path), SOUND, atol=1e-4)


@WAYS
def test_a_file_that_breaks_off_is_still_an_error(way: str, tmp_path: Path) -> None:
    with pytest.raises((SecoustiError, AudioFault), match="cut short"):
        read(wav()[:-500], way, tmp_path)


def test_a_recording_without_samples_is_not_of_unknown_length() -> None:
    for tail in (b"", b"LIST\4\0\0\0abcd"):
        with pytest.raises(SecoustiError, match="has no samples"):
            load_audio(wav(b"", 0) + tail)


# Users saw (hound#40, alsa-utils#308): noise twice as long, from 24 bits in 4 bytes.
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("bits", "high"), [(24, True), (24, False), (20, True), (20, False)])
def test_bits_in_a_larger_container(bits: int, high: bool, channels: int) -> None:
    values = np.round(SOUND.astype(np.float64) * (2 ** (bits - 1) - 1)).astype(np.int64)
    values = np.repeat(values << (32 - bits if high else 0), channels).astype("<i4")
    layout = (1, channels, RATE, RATE * 4 * channels, 4 * channels, bits)
    data = wav(values.tobytes(), layout=layout)
    for source in (data, Pipe(data)):
        with open_audio(source) as reader:  # type: ignore[arg-type]
            blocks = [reader.read(333) for _ in range(13)]
        np.testing.assert_allclose(np.concatenate(blocks), SOUND, atol=1e-5)


def test_more_bits_than_are_announced_are_refused() -> None:
    noise = np.random.default_rng(0).integers(-(2**31), 2**31, 1000).astype("<i4").tobytes()
    with pytest.raises(SecoustiError, match=r"24 bits in 4 bytes"):
        load_audio(wav(noise, layout=(1, 1, RATE, 4 * RATE, 4, 24)))


@pytest.mark.parametrize(
    "layout", [(1, 0, RATE, 0, 2, 16), (1, 3, RATE, 0, 2, 16), (1, 60000, RATE, 0, 60000, 8)]
)
def test_impossible_headers(layout: tuple[int, ...]) -> None:
    with pytest.raises(SecoustiError, match="impossible WAV header"):
        WavReader(io.BytesIO(wav(layout=layout)))


@pytest.mark.parametrize("rate", [1, 100, 2**31, 2**32 - 1])
def test_rates_that_no_audio_has(rate: int) -> None:
    with pytest.raises(SecoustiError, match=r"sample rate of .* must be 1000 to 768000 Hz"):
        load_audio(wav(layout=(1, 1, rate, 0, 2, 16)))


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "FLOAT", "DOUBLE", "PCM_24", "PCM_U8"])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64", "W64"])
def test_every_container_is_as_libsndfile_reads_it(kind: str, subtype: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.stack([SOUND, -SOUND / 2], 1), RATE, format=kind, subtype=subtype)
    expected, _ = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")
    with open_audio(Pipe(file.getvalue())) as reader:  # type: ignore[arg-type]
        assert isinstance(reader, WavReader)
        np.testing.assert_array_equal(reader.read_all(), expected)


def test_big_endian_and_bw64() -> None:
    swapped = np.frombuffer(PCM, "<i2").astype(">i2").tobytes()
    np.testing.assert_allclose(load_audio(wav(swapped, riff=b"RIFX"))[0], SOUND, atol=1e-4)
    sizes = struct.pack("<QQQI", 0, len(PCM), 0, 0)
    long = wav(size=0xFFFFFFFF, before=b"ds64" + struct.pack("<I", 28) + sizes, riff=b"BW64")
    np.testing.assert_allclose(load_audio(long + b"LIST\4\0\0\0abcd")[0], SOUND, atol=1e-4)


# Users saw: "an impossible WAV header" for a broadcast file with a large chunk before its audio.
@pytest.mark.parametrize("padded", [True, False])
def test_chunks_of_any_size_before_the_audio(padded: bool) -> None:
    for size in (3, 200_000, 70_001):
        pad = b"\0" * (size % 2) if padded else b""
        before = b"bext" + struct.pack("<I", size) + b"x" * size + pad
        with open_audio(Pipe(wav(before=before))) as reader:  # type: ignore[arg-type]
            np.testing.assert_allclose(reader.read_all()[:, 0], SOUND, atol=1e-4)


# Users saw: the program that writes dies of SIGPIPE, for what follows the audio was not taken.
def test_what_follows_the_audio_is_taken(
    secousti: Callable[..., object], model: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "p")
    data = wav() + b"LIST" + struct.pack("<I", 300_000) + b"x" * 300_000
    written: list[int] = []
    writer = threading.Thread(target=lambda: written.append((tmp_path / "p").write_bytes(data)))
    writer.start()
    ran = secousti("encode", tmp_path / "p", "-o", tmp_path / "a.sct", "-m", model)
    writer.join(30)
    assert ran.code == 0  # type: ignore[attr-defined]
    assert written == [len(data)]
