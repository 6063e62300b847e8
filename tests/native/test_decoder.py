"""Tokens to sound in C: Python's sound, as a stream in any portions, the same bits everywhere."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from secousti import P2PSynCodec, SecoustiCodec, load_codec
from secousti.base import Codec
from secousti.config import CausalIstftConfig, HifiganConfig, RefinerConfig, VocoderConfig
from secousti.encoded import Encoded
from secousti.export.native import export_native
from tests.native import decoding, library
from tests.native.decoding import Decoder, Model
from tests.native.encoding import Refused
from tests.p2psyn.toy import toy_codec as p2psyn_toy
from tests.toy import AUDIO_TOLERANCE, ragged, toy_codec, toy_config

HARMONIC = CausalIstftConfig(channels=24, layers=2, n_fft=512, pitch_channels=12)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decoding.build(tmp_path_factory.mktemp("sct") / "sct.so", *decoding.FLAGS)


def shaken(codec: SecoustiCodec) -> SecoustiCodec:
    """With every weight that starts at nothing or one away from there, in its own precision."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in codec.named_parameters():
            if "injection" in name or "refiner.out" in name or "_norm." in name:
                parameter.add_(0.05 * torch.randn_like(parameter))
    codec.prepare()
    return codec.eval()


def harmonic() -> SecoustiCodec:
    """Every part of the bundled codecs."""
    config = toy_config()
    vocoder = VocoderConfig(kind="causal_istft", causal_istft=HARMONIC)
    config = replace(config, vocoder=vocoder, decode_precision="float64")
    codec = SecoustiCodec(config)
    codec.load_state_dict(
        {n: t for n, t in toy_codec().state_dict().items() if not n.startswith("vocoder.")},
        strict=False,
    )
    with torch.no_grad():  # random weights are far too loud
        names = dict(codec.named_parameters())
        names["decoder.seanet.layers.layers.8.conv.bias"].fill_(-8.0)
        names["vocoder.head.filters.bias"].sub_(4.0)
    return shaken(codec)


def with_options() -> SecoustiCodec:
    """Every part that is off by default."""
    refiner = RefinerConfig(channels=16, layers=2, kernel_size=3, expansion=2)
    config = replace(toy_config((3, 1)), fusion_norm=True, voice_injection=True, refiner=refiner)
    torch.manual_seed(0)
    return shaken(SecoustiCodec(replace(config, decode_precision="float64")))


def some(codec: SecoustiCodec, count: int = 43) -> Encoded:
    """Random tokens in a random voice."""
    torch.manual_seed(2)
    codes = torch.randint(codec.codebook_size, (1, 1, count))
    voice = torch.tanh(torch.randn(1, codec.voice_size))
    return Encoded.from_codes(codes, voice, codec=codec)


def voice_of(encoded: Encoded) -> NDArray[np.float32]:
    assert encoded.paralinguistic is not None
    found: NDArray[np.float32] = encoded.paralinguistic[0].numpy()
    return found


@pytest.mark.parametrize("make", [toy_codec, harmonic, with_options])
def test_sound_is_pythons_and_a_stream_is_the_whole(
    tmp_path: Path, built: Path, make: Callable[[], SecoustiCodec]
) -> None:
    codec = make()
    encoded = some(codec)
    model = Model(built, export_native(codec, tmp_path / "toy.sctm"))
    decoder = Decoder(model, voice_of(encoded))
    tokens = encoded.codes[0, 0].numpy()
    sound = decoder.decode([tokens])
    expected = codec.decode(encoded)[0, 0].numpy()
    assert len(sound) == len(tokens) * codec.frame_size
    assert np.abs(sound).max() > 1e-3
    assert np.abs(sound - expected).max() < AUDIO_TOLERANCE
    for seed in range(3):  # each a new stream after a flush
        pieces = [tokens[piece] for piece in ragged(len(tokens), 11, seed)]
        assert np.array_equal(decoder.decode(pieces), sound)


@pytest.mark.parametrize("name", ["mini-21hz", "mini-86hz"])
def test_bundled_models_speak_as_in_python(tmp_path: Path, built: Path, name: str) -> None:
    """Speech of the examples, whose voice is as files have it."""
    import soundfile

    codec = load_codec(name)
    speech, rate = soundfile.read("examples/speech.wav", dtype="float32")
    encoded = codec.encode(speech[: 3 * rate], rate)
    model = Model(built, export_native(codec, tmp_path / "mini.sctm"))
    decoder = Decoder(model, voice_of(encoded))
    sound = decoder.decode([encoded.codes[0, 0].numpy()])
    expected = codec.decode(encoded)[0, 0].numpy()
    assert np.abs(sound[: len(expected)] - expected).max() < 1e-4
    assert model.facts.sample_rate == codec.sample_rate
    assert bytes(model.facts.token_hash).hex() == codec.token_hash
    assert list(model.facts.levels[: model.facts.num_levels]) == list(codec.levels)


def test_a_new_voice_holds_from_the_next_token(tmp_path: Path, built: Path) -> None:
    codec = harmonic()
    model = Model(built, export_native(codec, tmp_path / "toy.sctm"))
    torch.manual_seed(3)
    codes = torch.randint(codec.codebook_size, (1, 1, 12))
    voices = torch.tanh(torch.randn(2, 1, codec.voice_size))
    decoder, state, expected = Decoder(model, voices[0, 0].numpy()), codec.decoder_state(1), []
    with torch.inference_mode():
        for half, voice in zip(codes.split(6, -1), voices, strict=True):
            audio, state = codec.decode_step(half, state, voice=voice)
            expected.append(audio[0].clamp(-1, 1).numpy())
    first = decoder.push(codes[0, 0, :6].numpy())
    decoder.voice(voices[1, 0].numpy())
    sound = np.concatenate([first, decoder.push(codes[0, 0, 6:].numpy())])
    assert np.abs(sound - np.concatenate(expected)[codec.delay :]).max() < AUDIO_TOLERANCE


def test_what_is_no_token_or_no_voice_is_refused(tmp_path: Path, built: Path) -> None:
    codec = toy_codec()
    model = Model(built, export_native(codec, tmp_path / "toy.sctm"))
    decoder, untouched = Decoder(model), Decoder(model)
    good = np.arange(9)
    with pytest.raises(Refused, match="token 3 is 6561, and the codebook has 6561"):
        decoder.push(np.array([1, 2, 3, codec.codebook_size]))
    with pytest.raises(Refused, match="not finite"):
        decoder.voice(np.full(codec.voice_size, np.nan, np.float32))
    assert np.array_equal(decoder.push(good), untouched.push(good))
    assert len(Decoder(model).decode([])) == 0


def test_p2psyn_codecs_decode_the_same_way(tmp_path: Path, built: Path) -> None:
    codec = p2psyn_toy(causal=True)
    model = Model(built, export_native(codec, tmp_path / "p2psyn.sctm"))
    tokens = np.arange(20) % codec.codebook_size
    sound = Decoder(model).decode([tokens])
    assert np.array_equal(sound, Decoder(model).decode([tokens[:7], tokens[7:]]))
    with pytest.raises(Refused, match="token 0"):
        Decoder(model).push(np.array([codec.codebook_size]))


def test_what_this_program_cannot_decode_is_refused(tmp_path: Path, built: Path) -> None:
    def refused(codec: SecoustiCodec, match: str) -> None:
        model = Model(built, export_native(codec.eval(), tmp_path / "other.sctm", force=True))
        with pytest.raises(Refused, match=match):
            Decoder(model)

    hifigan = VocoderConfig(kind="hifigan", hifigan=HifiganConfig(channels=32))
    refused(SecoustiCodec(replace(toy_config(), vocoder=hifigan)), "vocoder")
    refused(toy_codec(vocoder=False), "vocoder")
    config = toy_config()
    refused(SecoustiCodec(replace(config, seanet=replace(config.seanet, causal=False))), "causal")


def test_no_file_and_other_files_are_refused(tmp_path: Path, built: Path) -> None:
    with pytest.raises(Refused, match="cannot be opened"):
        Model(built, tmp_path / "missing.sctm")
    (tmp_path / "empty.sctm").touch()
    with pytest.raises(Refused, match="empty"):
        Model(built, tmp_path / "empty.sctm")
    (tmp_path / "text.sctm").write_text("no weights at all\n" * 99)
    with pytest.raises(Refused, match="export --format c"):
        Model(built, tmp_path / "text.sctm")
    whole = export_native(toy_codec(), tmp_path / "toy.sctm").read_bytes()
    (tmp_path / "short.sctm").write_bytes(whole[:-64])
    with pytest.raises(Refused, match="copy it again") as caught:
        Model(built, tmp_path / "short.sctm")
    assert caught.value.verdict == library.CUT_SHORT
    (tmp_path / "newer.sctm").write_bytes(whole[:4] + b"\2" + whole[5:])
    with pytest.raises(Refused, match="version 2") as caught:
        Model(built, tmp_path / "newer.sctm")
    assert caught.value.verdict == library.NEWER


def test_decoders_of_one_model_in_several_threads(tmp_path: Path, built: Path) -> None:
    model = Model(built, export_native(harmonic(), tmp_path / "toy.sctm"))
    tokens = np.arange(40) * 97
    sounds: list[np.ndarray] = []

    def decode() -> None:
        sounds.append(Decoder(model).decode(np.split(tokens, 20)))

    threads = [threading.Thread(target=decode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sounds) == 4
    assert all(np.array_equal(sound, Decoder(model).decode([tokens])) for sound in sounds)


def checksum(program: Path, weights: Path, *more: str, tokens: int = 13) -> str:
    """What ``decode.c`` prints."""
    command = [str(program), str(weights), str(tokens), *more]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_bits_are_the_same_however_it_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = export_native(harmonic(), tmp_path / "toy.sctm")
    exact = ("-ffp-contract=off", "-fno-math-errno")
    found = set()
    for i, flags in enumerate((("-O3",), ("-O0",), ("-O2", "-DSCT_PORTABLE"))):
        program = decoding.program(tmp_path / f"{i}", *exact, *flags)
        found.add(checksum(program, weights))
    if shutil.which("clang"):
        monkeypatch.setattr(library, "compiler", lambda: "clang")
        program = decoding.program(tmp_path / "clang", *exact, "-O2")
        found.add(checksum(program, weights))
    assert len(found) == 1


def test_no_instruction_fuses_a_product_and_a_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users ask for their own processor: GCC fuses pairs of products even where it must not."""
    weights = export_native(load_codec("mini-21hz"), tmp_path / "mini.sctm")
    found = set()
    for compiler in filter(shutil.which, ("gcc", "clang")):
        monkeypatch.setattr(library, "compiler", lambda name=compiler: name)
        for flags in (("-O2",), ("-O3", "-march=native")):
            exact = ("-ffp-contract=off", "-fno-math-errno", *flags)
            try:
                program = decoding.program(tmp_path / f"{compiler}{flags[0]}", *exact)
            except subprocess.CalledProcessError:
                continue  # compilers older than the processor
            found.add(checksum(program, weights, tokens=50))
    assert len(found) <= 1


def test_another_processor_gives_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ARM's own instructions have fused products, which only the flags of the Makefile forbid."""
    if not (shutil.which("qemu-aarch64") and shutil.which("aarch64-linux-gnu-gcc")):
        pytest.skip("there is no compiler for ARM, or no qemu-aarch64 to run what it makes")
    weights = export_native(harmonic(), tmp_path / "toy.sctm")
    exact = ("-O2", "-ffp-contract=off", "-fno-math-errno")
    here = checksum(decoding.program(tmp_path / "here", *exact), weights)
    monkeypatch.setattr(library, "compiler", lambda: "aarch64-linux-gnu-gcc")
    there = decoding.program(tmp_path / "there", "-static", *exact)
    command = ["qemu-aarch64", str(there), str(weights), "13"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == here


def p2psyn() -> P2PSynCodec:
    return p2psyn_toy(causal=True)


@pytest.mark.parametrize("trusting", [False, True])
@pytest.mark.parametrize("make", [harmonic, p2psyn])
def test_damaged_weights_under_sanitizers(
    tmp_path: Path, trusting: bool, make: Callable[[], Codec]
) -> None:
    """Each altered file is refused, or gives sound and tokens of the whole one; if checksums
    are taken for right, any finite sound."""
    weights = export_native(make(), tmp_path / "toy.sctm")
    flags = ("-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION",) if trusting else ()
    driver = decoding.program(tmp_path / "fuzz", *library.SANITIZE, "-O1", *flags)
    assert "of 300 refused" in checksum(driver, weights, "1", "300")


@pytest.mark.parametrize("make", [with_options, p2psyn])
def test_every_allocation_may_fail(tmp_path: Path, make: Callable[[], Codec]) -> None:
    weights = export_native(make(), tmp_path / "toy.sctm")
    first = str(decoding.DRIVER.with_name("failing.h"))
    failing = ("-DFAILING", "-D_POSIX_C_SOURCE=200809L", "-include", first)
    program = decoding.program(tmp_path / "failing", *failing, *library.SANITIZE, "-O1")
    said = checksum(program, weights)
    assert int(said.split(" allocations failed")[0]) > 20


def test_the_program_of_the_page_is_built_as_its_reader_would(tmp_path: Path, built: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("there is no make to build libsct.a with")
    weights = export_native(toy_codec(), tmp_path / "toy.sctm")
    program = decoding.of_page("decode", tmp_path)
    ids = b"1 2 3\n"
    sound = subprocess.run([program, weights], input=ids, capture_output=True, check=True).stdout
    expected = Decoder(Model(built, weights)).decode([np.array([1, 2, 3])])
    assert sound == expected.tobytes()
    wrong = subprocess.run([program, weights], input=b"1 6561", capture_output=True, check=False)
    assert wrong.returncode != 0
    assert b"token 0 is 6561" in wrong.stderr
