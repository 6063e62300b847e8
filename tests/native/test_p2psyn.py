"""The P2PSynCodec in C: Python's ids, and its sound to 1e-4, as a stream in any portions."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import secousti
from secousti import P2PSynCodec, StreamDecoder
from secousti.export.native import export_native
from tests.native import encoding, library
from tests.native.encoding import Encoder, Refused
from tests.p2psyn.toy import as_trained, tiny_causal_config, toy_codec
from tests.toy import ragged, toy_speech

Estimate: TypeAlias = Literal["argmax", "expected"]
HERE = Path(__file__).parent
PARTS = "fault checksum weights wide wide_conv parts convnext conformer pseudo p2psyn_decoder"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return encoding.build(tmp_path_factory.mktemp("p2psyn") / "encoder.so")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    sources = [library.SOURCE / f"{name}.c" for name in PARTS.split()]
    target = tmp_path_factory.mktemp("p2psyn") / "decoder.so"
    flags = ("-O3", "-ffp-contract=off", "-fno-math-errno", "-shared", "-fPIC")
    return ctypes.CDLL(str(library.build(target, *flags, sources=sources, libraries=("-lm",))))


def toy(estimate: Estimate = "argmax", lookahead: int = 0) -> P2PSynCodec:
    """A small codec, in the precision of loaded ones."""
    config = tiny_causal_config(lookahead)
    codec = as_trained(replace(config, pseudo=replace(config.pseudo, estimate=estimate)))
    codec.prepare()
    return codec


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> tuple[P2PSynCodec, Path]:
    codec = secousti.load_codec("p2psyn-mini-16k")
    assert isinstance(codec, P2PSynCodec)
    return codec, export_native(codec, tmp_path_factory.mktemp("mini") / "mini.sctm")


class Decoder:
    """One stream of tokens by the weights of a file."""

    def __init__(self, lib: ctypes.CDLL, weights: Path, plain: bool) -> None:
        self._lib, self._fault = lib, library.Fault()
        self._weights, self._decoder = ctypes.c_void_p(), ctypes.c_void_p()
        fault, given = ctypes.byref(self._fault), str(weights).encode()
        lib.sct_weights_open(given, ctypes.byref(self._weights), fault)
        found = ctypes.byref(self._decoder)
        lib.sct_p2psyn_decoder_open(self._weights, ctypes.c_bool(plain), found, fault)
        if self._fault.verdict != library.SOUND:
            raise Refused(self._fault)

    def __del__(self) -> None:
        self._lib.sct_p2psyn_decoder_close(self._decoder)
        self._lib.sct_weights_close(self._weights)

    def push(self, codes: NDArray[np.int64], frame: int) -> NDArray[np.float32]:
        tokens, size = np.ascontiguousarray(codes, np.uint32), ctypes.c_size_t()
        samples = np.zeros(len(codes) * frame, np.float32)
        self._lib.sct_p2psyn_decoder_push(
            self._decoder,
            ctypes.c_void_p(tokens.ctypes.data),
            ctypes.c_size_t(len(tokens)),
            ctypes.c_void_p(samples.ctypes.data),
            ctypes.byref(size),
            ctypes.byref(self._fault),
        )
        assert self._fault.verdict == library.SOUND, self._fault.says
        return samples[: size.value]


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_ids_of_the_bundled_codec(
    encoder: ctypes.CDLL, mini: tuple[P2PSynCodec, Path], rate: int
) -> None:
    codec, weights = mini
    samples = toy_speech(2.3, rate, rate)[0].numpy()
    expected = codec.encode((samples, rate)).codes[0, 0].numpy()
    assert len(set(expected.tolist())) > 8
    made = Encoder(encoder, weights, rate)
    for pieces in ([samples], [samples[part] for part in ragged(len(samples), 900)]):
        np.testing.assert_array_equal(made.encode(pieces), expected)


def test_ids_of_short_recordings(encoder: ctypes.CDLL, tmp_path: Path) -> None:
    codec = toy()
    rate, weights = codec.sample_rate, export_native(codec, tmp_path / "toy.sctm")
    made = Encoder(encoder, weights, rate)
    for size in [1, 2, codec.hop_length, codec.frame_size - 1, codec.frame_size + 1, 5000]:
        samples = toy_speech(1.0, rate, size)[0].numpy()[:size]
        expected = codec.encode((samples, rate)).codes[0, 0].numpy()
        np.testing.assert_array_equal(made.encode([samples]), expected)
        assert made.samples == size
    assert len(made.flush()) == 0
    with pytest.raises(Refused, match="keeps no voice"):
        made.voice()


@pytest.mark.parametrize("mode", ["all", "plain"])
def test_sound_of_the_bundled_codec(
    decoder: ctypes.CDLL, mini: tuple[P2PSynCodec, Path], mode: str
) -> None:
    codec, weights = mini
    codes = codec.encode((toy_speech(3.0, 16000, 7)[0].numpy(), 16000)).codes[0, 0].numpy()
    check(decoder, codec, weights, codes, mode)


@pytest.mark.parametrize("estimate", ["argmax", "expected"])
def test_sound_of_small_codecs(decoder: ctypes.CDLL, tmp_path: Path, estimate: Estimate) -> None:
    codec = toy(estimate)
    weights = export_native(codec, tmp_path / "toy.sctm")
    codes = np.random.default_rng(0).integers(0, codec.codebook_size, 70)
    check(decoder, codec, weights, codes, "all")


def check(
    lib: ctypes.CDLL, codec: P2PSynCodec, weights: Path, codes: NDArray[np.int64], mode: str
) -> None:
    """The sound of Python, in one piece and in many: these are equal to the last bit."""
    stream = StreamDecoder(codec, mode=mode)
    expected = torch.cat([stream.push(codes), stream.flush()], dim=-1)[0, 0].numpy()
    given = []
    for most in (len(codes), 5, 1):
        made = Decoder(lib, weights, mode == "plain")
        pieces = [codes[part] for part in ragged(len(codes), most)]
        given.append(np.concatenate([made.push(p, codec.frame_size) for p in pieces]))
        np.testing.assert_array_equal(given[-1], given[0])
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(given[0], expected, atol=1e-4)


def test_what_cannot_stream_is_refused(
    encoder: ctypes.CDLL, decoder: ctypes.CDLL, tmp_path: Path
) -> None:
    weights = export_native(toy_codec(causal=False), tmp_path / "whole.sctm")
    with pytest.raises(Refused, match=r"backbone\.causal"):
        Encoder(encoder, weights, 16000)
    with pytest.raises(Refused, match=r"backbone\.causal"):
        Decoder(decoder, weights, plain=False)
    ahead = export_native(toy(lookahead=2), tmp_path / "ahead.sctm")
    with pytest.raises(Refused, match=r"pseudo\.lookahead"):
        Decoder(decoder, ahead, plain=False)
    Decoder(decoder, ahead, plain=True)


def test_the_encoder_when_memory_runs_out(tmp_path: Path) -> None:
    codec = toy()
    weights = export_native(codec, tmp_path / "toy.sctm")
    failing = ("-D_POSIX_C_SOURCE=200809L", "-include", str(HERE / "failing.h"))
    sources = [*encoding.SOURCES, HERE / "encode.c"]
    flags = ("-O1", *library.SANITIZE, *failing)
    program = library.build(tmp_path / "encode", *flags, sources=sources, libraries=("-lm",))
    samples = toy_speech(0.5, codec.sample_rate, 1)[0].numpy()
    command = [str(program), str(weights), str(codec.sample_rate)]
    done = subprocess.run(command, input=samples.tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    expected = codec.encode((samples, codec.sample_rate)).codes[0, 0].numpy()
    np.testing.assert_array_equal(np.array(done.stdout.split(), np.int64), expected)
    assert b"allocations failed" in done.stderr
