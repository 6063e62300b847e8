"""The C reader and writer of WAV against Python's: the same samples, and no more is taken."""

from __future__ import annotations

import ctypes
import io
import struct

import numpy as np
import pytest
import soundfile

from secousti import SecoustiError
from secousti.audio.reader import NotFinite
from secousti.audio.wav import WavReader
from secousti.files.wav import WavWriter, wav_header
from tests.fuzzing.seeds import seeds
from tests.native import files, library
from tests.native.test_damage import mutated
from tests.pipe import Pipe

SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]
LAYOUTS = ["WAV", "WAVEX", "RF64"]


def ours(
    native: ctypes.CDLL, data: bytes, piped: bool = False, block: int = 700, portion: int = 1 << 30
) -> tuple[np.ndarray, int, int, str]:
    """Samples, rate, announced length and the sentence of what is wrong."""
    wav, given, parts = ctypes.c_void_p(), files.source(data, portion), []
    there = ctypes.c_int64(-1 if piped else len(data))
    verdict = native.sct_wav_open(given, there, ctypes.byref(wav))
    out, found = np.zeros(block, np.float32), ctypes.c_size_t(1)
    while verdict == library.SOUND and found.value:
        pointer = ctypes.c_void_p(out.ctypes.data)
        verdict = native.sct_wav_read(wav, pointer, ctypes.c_size_t(block), ctypes.byref(found))
        parts.append(out[: found.value].copy())
    fault = native.sct_wav_fault(wav).contents
    says = fault.says.decode() if fault.verdict else ""
    told = native.sct_wav_rate(wav), native.sct_wav_frames(wav)
    native.sct_wav_close(wav)
    return np.concatenate([np.zeros(0, np.float32), *parts]), *told, says


def theirs(data: bytes, piped: bool = False, block: int = 700) -> tuple[np.ndarray, int, int]:
    with WavReader(Pipe(data) if piped else io.BytesIO(data)) as reader:
        frames = -1 if reader.frames is None else reader.frames
        parts: list[np.ndarray] = []
        while not parts or len(parts[-1]) == block:
            parts.append(reader.read(block))
        return np.concatenate(parts), reader.sample_rate, frames


def equal(native: ctypes.CDLL, data: bytes) -> None:
    for piped in (False, True):
        samples, rate, frames, says = ours(native, data, piped)
        assert says == ""
        wanted = theirs(data, piped)
        np.testing.assert_array_equal(samples, wanted[0])
        assert (rate, frames) == wanted[1:]


def written(
    channels: int, layout: str, subtype: str, count: int = 1500, rate: int = 44100
) -> bytes:
    sound = np.random.default_rng(channels).uniform(-0.99, 0.99, (count, channels))
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format=layout, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("subtype", SUBTYPES)
def test_formats(native: ctypes.CDLL, layout: str, subtype: str) -> None:
    for channels in (1, 2, 3) if layout != "WAVEX" else (1, 6):
        equal(native, written(channels, layout, subtype))


@pytest.mark.parametrize("channels", [7, 8, 9, 20, 129, 256])
def test_many_channels_are_averaged_as_numpy_does(native: ctypes.CDLL, channels: int) -> None:
    equal(native, written(channels, "WAV", "PCM_24", 200))


def chunk(name: bytes, body: bytes, padded: bool = True) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (padded and len(body) % 2)


def wav(
    bits: int, container: int, data: bytes, size: int | None = None, more: bytes = b""
) -> bytes:
    layout = struct.pack("<HHIIHH", 1, 1, 16000, 16000 * container, container, bits)
    head = b"WAVE" + more + chunk(b"fmt ", layout)
    audio = b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", len(head + audio)) + head + audio


def test_odd_chunks_with_and_without_their_padding(native: ctypes.CDLL) -> None:
    data = np.arange(-500, 500, dtype="<i2").tobytes()
    for padded in (True, False):
        equal(native, wav(16, 2, data, more=chunk(b"junk", b"odd", padded)))
    equal(native, wav(16, 2, data) + chunk(b"LIST", b"abc"))
    equal(native, wav(8, 1, data[:333]) + b"\0" + chunk(b"LIST", b"abc"))


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 0x80000000])
def test_a_length_that_is_not_known(native: ctypes.CDLL, size: int) -> None:
    data = np.arange(-500, 500, dtype="<i2").tobytes()
    equal(native, wav(16, 2, data, size))
    for portion in (1, 3, 1000):
        assert len(ours(native, wav(16, 2, data, size), True, portion=portion)[0]) == 1000


@pytest.mark.parametrize(("bits", "container"), [(20, 3), (24, 4), (12, 2), (31, 4)])
@pytest.mark.parametrize("low", [False, True])
def test_bits_that_do_not_fill_their_container(
    native: ctypes.CDLL, bits: int, container: int, low: bool
) -> None:
    values = np.random.default_rng(1).integers(-(1 << bits - 1), 1 << bits - 1, 900)
    values = values if low else values << 8 * container - bits
    wide = values.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :container]
    equal(native, wav(bits, container, wide.tobytes()))


def test_silence_settles_nothing(native: ctypes.CDLL) -> None:
    values = np.concatenate([np.zeros(2000, int), np.arange(-300, 300)])
    equal(native, wav(24, 4, values.astype("<i4").tobytes()))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"fLaC" + bytes(40), "not WAV"),
        (wav(16, 2, bytes(100))[:40], "ends in the WAV header"),
        (wav(16, 2, bytes(100))[:100], "ends too early"),
        (wav(16, 2, bytes(101), 0xFFFFFFFF), "ends too early"),
        (wav(16, 2, bytes(100)) * 2, "several WAV files"),
        (wav(40, 5, bytes(100)), "coding 1 with 40 bits"),
        (wav(24, 4, np.full(50, 0x01800001, "<i4").tobytes()), "header is wrong"),
        (written(1, "WAV", "ULAW"), "coding 7"),
        (written(1, "W64", "PCM_16"), "not WAV"),
        (b"RIFF" + bytes(4) + b"AVI " + bytes(40), "RIFF stream, but not WAV"),
        (b"RIFF" + bytes(4) + b"WAVEdata" + bytes(40), "no WAV format"),
        (wav(16, 0, bytes(40)).replace(b"\x80\x3e", b"\x00\x00", 1), "sample rate"),
    ],
)
def test_faulty_ones(native: ctypes.CDLL, data: bytes, says: str) -> None:
    for piped in (False, True):
        assert says in ours(native, data, piped)[3]


def test_numbers_that_are_no_sound(native: ctypes.CDLL) -> None:
    for value, says in ((np.nan, "index 5"), (np.inf, "index 5"), (3.0, "far beyond full scale")):
        sound = np.zeros(9, np.float32)
        sound[5] = value
        file = io.BytesIO()
        soundfile.write(file, sound, 16000, format="WAV", subtype="FLOAT")
        assert says in ours(native, file.getvalue())[3]


def test_what_c_takes_python_takes_alike(native: ctypes.CDLL) -> None:
    """Mutants: C may refuse more (other containers), and never reads other samples."""
    rng, taken = np.random.default_rng(0), 0
    for seed in seeds("wav"):
        for _ in range(40):
            data = mutated(seed, rng)
            for piped in (False, True):
                samples, rate, _, says = ours(native, data, piped)
                if says:
                    continue
                try:
                    wanted = theirs(data, piped)
                except NotFinite:
                    raise
                except SecoustiError as error:
                    raise AssertionError(f"{data.hex()}: {error}") from error
                np.testing.assert_array_equal(samples, wanted[0])
                assert rate == wanted[1]
                taken += 1
    assert taken > 100


def test_the_writer_writes_the_same_bytes(native: ctypes.CDLL) -> None:
    sound = np.random.default_rng(2).uniform(-1.2, 1.2, 5000).astype(np.float32)
    sound[:4] = np.array([0.5, 1.5, 2.5, -0.5], np.float32) / 32767
    file = io.BytesIO()
    writer = WavWriter(file, 22050)
    writer.write(sound)
    writer.close()
    head, body = ctypes.create_string_buffer(44), ctypes.create_string_buffer(10000)
    for count in (5000, -1, 1 << 40):
        native.sct_wav_header(22050, ctypes.c_int64(count), head)
        assert head.raw == wav_header(22050, None if count < 0 else count)
    native.sct_wav_samples(ctypes.c_void_p(sound.ctypes.data), ctypes.c_size_t(5000), body)
    assert body.raw == file.getvalue()[44:]
