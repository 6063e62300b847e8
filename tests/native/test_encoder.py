"""The C encoder against Python's: equal ids and voices, at every rate and in any chunks."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import secousti
from secousti import Encoded, SecoustiCodec, SecoustiError, StreamEncoder
from secousti.export.native import export_native, native_tensors, write_tensors
from secousti.semantic.fsq import FSQ
from secousti.voice import quantize
from tests.native import encoding, library
from tests.native.encoding import Encoder, Refused
from tests.toy import ragged, toy_codec, toy_speech

MODELS = ("mini-21hz", "mini-86hz")
RATES = (8000, 11025, 16000, 22050, 44100, 48000)
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def c(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The encoder as a shared library."""
    return encoding.build(tmp_path_factory.mktemp("encoder") / "encoder.so")


@pytest.fixture(scope="module", params=MODELS)
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SecoustiCodec, Path]:
    """A bundled codec and the file of its weights."""
    codec = secousti.load_codec(request.param)
    assert isinstance(codec, SecoustiCodec)
    return codec, export_native(codec, tmp_path_factory.mktemp("weights") / "codec.sctm")


def small_codec(ratios: tuple[int, ...] = (2, 2)) -> SecoustiCodec:
    """A toy in the precision of loaded codecs."""
    codec = toy_codec(ratios)
    codec.prepare()
    return codec


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a small codec's weights."""
    return export_native(small_codec(), tmp_path_factory.mktemp("toy") / "toy.sctm")


def speech(seconds: float, rate: int, seed: int = 0) -> NDArray[np.float32]:
    return toy_speech(seconds, rate, seed)[0].numpy()


def chunks(samples: NDArray, most: int, seed: int = 0) -> list[NDArray]:
    return [samples[part] for part in ragged(len(samples), most, seed)]


def stored(encoded: Encoded) -> NDArray[np.int8]:
    """The voice as files hold it."""
    assert encoded.paralinguistic is not None
    return quantize(encoded.paralinguistic)[0].numpy()


@pytest.mark.parametrize("rate", RATES)
def test_ids_and_voice_are_pythons(
    c: ctypes.CDLL, model: tuple[SecoustiCodec, Path], rate: int
) -> None:
    codec, weights = model
    samples, encoder = speech(4.3, rate, seed=rate), Encoder(c, weights, rate)
    encoded = codec.encode((samples, rate))
    expected = encoded.codes[0, 0].numpy()
    assert len(set(expected.tolist())) > 8
    for pieces in ([samples], chunks(samples, 3000)):
        encoder.expect(len(samples))
        np.testing.assert_array_equal(encoder.encode(pieces), expected)
        np.testing.assert_array_equal(encoder.voice(), stored(encoded))
        assert encoder.samples == int(encoded.num_samples[0])


def test_chunks_of_one_sample(c: ctypes.CDLL, toy: Path) -> None:
    samples, encoder = speech(0.3, 16000), Encoder(c, toy, 16000)
    whole = encoder.encode([samples])
    np.testing.assert_array_equal(encoder.encode(chunks(samples, 1)), whole)


@pytest.mark.parametrize("rate", [1000, 22051, 767_999])
def test_odd_rates(c: ctypes.CDLL, toy: Path, rate: int) -> None:
    samples = speech(0.4, rate)
    expected = small_codec().encode((samples, rate), voice=False).codes[0, 0].numpy()
    np.testing.assert_array_equal(Encoder(c, toy, rate).encode(chunks(samples, 9000)), expected)


@pytest.mark.parametrize("ratios", [(2, 2), (1, 1), (3, 2)])
def test_numbers_before_rounding(tmp_path: Path, ratios: tuple[int, ...]) -> None:
    """They differ from Python's by rounding errors of float64 alone."""
    codec = small_codec(ratios)
    weights = export_native(codec, tmp_path / "toy.sctm")
    samples = speech(2.0, 22050)
    watch = watching(tmp_path)
    encoder = Encoder(watch, weights, 22050)
    encoder.encode(chunks(samples, 5000))
    count = ctypes.c_size_t.in_dll(watch, "watched_count").value
    found = np.array((ctypes.c_double * 100_000).in_dll(watch, "watched")[:count])
    expected = bounded(codec, samples).flatten().numpy()
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < 1e-11


def watching(folder: Path) -> ctypes.CDLL:
    """The encoder, which keeps what its quantizer rounds in ``watched``."""
    sources = [path for path in encoding.SOURCES if path.name != "fsq.c"]
    return encoding.build(folder / "watch.so", [*sources, HERE / "watched_fsq.c"])


@torch.inference_mode()
def bounded(codec: SecoustiCodec, samples: NDArray[np.float32]) -> torch.Tensor:
    """[L, digits] what Python's quantizer rounds."""
    mel = codec.mel(torch.from_numpy(samples)[None], codec.frames_per_token)
    mu = codec.semantic_projection(codec.encoder(mel)[0])[0]
    assert isinstance(codec.quantizer, FSQ)
    return codec.quantizer.bound(mu)[0]


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 1023, 1024, 1025, 1030])
def test_short_recordings(c: ctypes.CDLL, toy: Path, count: int) -> None:
    codec, samples = small_codec(), speech(1.0, 22050)[:count]
    encoded = codec.encode((samples, 22050))
    encoder = Encoder(c, toy, 22050)
    encoder.expect(count)
    np.testing.assert_array_equal(encoder.encode([samples]), encoded.codes[0, 0])
    np.testing.assert_array_equal(encoder.voice(), stored(encoded))


def test_nothing_gives_nothing(c: ctypes.CDLL, toy: Path) -> None:
    encoder = Encoder(c, toy, 16000)
    assert len(encoder.encode([speech(1.0, 16000)[:0]])) == encoder.samples == 0
    assert len(encoder.flush()) == 0
    with pytest.raises(Refused, match="no audio has come in yet"):
        encoder.voice()


def test_the_voice_of_a_live_stream_is_that_of_the_last_seconds(
    c: ctypes.CDLL, model: tuple[SecoustiCodec, Path]
) -> None:
    codec, weights = model
    samples, encoder = speech(6.0, 16000), Encoder(c, weights, 16000)
    stream = StreamEncoder(codec, sample_rate=16000)
    for part in (samples[:3000], samples[3000:40_000], samples[40_000:]):
        stream.push(part)
        encoder.push(part)
        np.testing.assert_array_equal(encoder.voice(), quantize(stream.voice())[0])


def test_a_stream_after_another_is_as_the_first(c: ctypes.CDLL, toy: Path) -> None:
    samples, encoder = speech(1.0, 44100), Encoder(c, toy, 44100)
    first, voice = encoder.encode([samples]), encoder.voice()
    again = encoder.push(samples[::-1])  # after a flush
    assert not np.array_equal(again, first[: len(again)])
    encoder.restart()  # in the middle
    np.testing.assert_array_equal(encoder.encode([samples]), first)
    np.testing.assert_array_equal(encoder.voice(), voice)


def test_16_bit_samples(c: ctypes.CDLL, toy: Path) -> None:
    samples = np.round(speech(1.0, 16000) * 32767).astype(np.int16)
    expected = small_codec().encode((samples, 16000)).codes[0, 0].numpy()
    np.testing.assert_array_equal(Encoder(c, toy, 16000).encode(chunks(samples, 1500)), expected)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -2.01, 3.0])
def test_samples_that_are_refused_leave_the_stream_as_it_was(
    c: ctypes.CDLL, toy: Path, wrong: float
) -> None:
    samples, encoder = speech(1.0, 22050), Encoder(c, toy, 22050)
    expected = encoder.encode([samples])
    damaged = samples[5000:].copy()
    damaged[777] = wrong
    with pytest.raises(SecoustiError) as python:
        StreamEncoder(small_codec()).push(damaged)
    before = encoder.push(samples[:5000])
    with pytest.raises(Refused) as error:
        encoder.push(damaged)
    assert error.value.verdict == library.REFUSED
    assert str(python.value).startswith(str(error.value))
    np.testing.assert_array_equal([*before, *encoder.encode([samples[5000:]])], expected)


def test_samples_of_twice_full_scale_are_taken(c: ctypes.CDLL, toy: Path) -> None:
    samples = speech(0.5, 22050) * 8
    samples *= 2 / np.abs(samples).max()
    expected = small_codec().encode((samples, 22050)).codes[0, 0]
    np.testing.assert_array_equal(Encoder(c, toy, 22050).encode([samples]), expected)


@pytest.mark.parametrize("rate", [0, 999, 768_001])
def test_rates_that_are_refused(c: ctypes.CDLL, toy: Path, rate: int) -> None:
    with pytest.raises(Refused, match=f"1000 to 768000 Hz, found {rate}"):
        Encoder(c, toy, rate)


def test_codecs_that_are_refused(c: ctypes.CDLL, tmp_path: Path) -> None:
    word = np.frombuffer(b"float32", np.uint8)
    tensors = native_tensors(small_codec())
    for change, says in (
        ({"facts.kind": np.frombuffer(b"other", np.uint8)}, 'kind is "other"'),
        ({"config.encode_precision": word}, 'encode_precision is "float32"'),
        ({"encoder.attention.positions": np.zeros(4, np.float32)}, "token attention"),
        ({"quantizer.levels": np.array([3, 1], np.int32)}, "no codebook"),
    ):
        write_tensors(tmp_path / "other.sctm", {**tensors, **change})
        with pytest.raises(Refused, match=says) as error:
            Encoder(c, tmp_path / "other.sctm", 22050)
        assert error.value.verdict == library.REFUSED


def test_weights_without_numbers_give_a_status(c: ctypes.CDLL, tmp_path: Path) -> None:
    tensors = native_tensors(small_codec())
    name = "semantic_projection.mu.bias"
    write_tensors(tmp_path / "nan.sctm", {**tensors, name: tensors[name] * np.float32(np.nan)})
    with pytest.raises(Refused, match="give no tokens") as error:
        Encoder(c, tmp_path / "nan.sctm", 22050).encode([speech(0.5, 22050)])
    assert error.value.verdict == library.DAMAGED


def test_sanitizers_and_memory_that_runs_out(toy: Path, tmp_path: Path) -> None:
    """Every allocation fails once; the ids of a program are those of the shared library."""
    failing = ("-D_POSIX_C_SOURCE=200809L", "-include", str(HERE / "failing.h"))
    sources = [*encoding.SOURCES, HERE / "encode.c"]
    program = library.build(
        tmp_path / "encode",
        "-O1",
        *library.SANITIZE,
        *failing,
        sources=sources,
        libraries=("-lm",),
    )
    samples = speech(1.0, 16000)
    done = subprocess.run(
        [program, toy, "16000"], input=samples.tobytes(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    expected = small_codec().encode((samples, 16000)).codes[0, 0]
    np.testing.assert_array_equal(np.array(done.stdout.split(), np.int64), expected)
    assert b"allocations failed" in done.stderr


def test_the_program_of_the_page_is_compiled_as_its_reader_would(toy: Path, tmp_path: Path) -> None:
    page = (HERE.parents[1] / "docs" / "embed.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- compiled: encode -->\n```c\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert found is not None
    (tmp_path / "program.c").write_text(found[1], encoding="utf-8")
    program = library.build(
        tmp_path / "program",
        sources=[*encoding.SOURCES, tmp_path / "program.c"],
        libraries=("-lm",),
    )
    samples = np.round(speech(1.0, 16000) * 32767).astype(np.int16)
    done = subprocess.run([program, toy], input=samples.tobytes(), capture_output=True, check=True)
    expected = small_codec().encode((samples, 16000)).codes[0, 0]
    np.testing.assert_array_equal(np.array(done.stdout.split(), np.int64), expected)
    wrong = subprocess.run([program, tmp_path / "none.sctm"], capture_output=True, check=False)
    assert wrong.returncode != 0
    assert b"cannot be opened" in wrong.stderr
