"""Exported graphs against PyTorch, step by step, and without torch altogether."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from secousti import SecoustiCodec, StreamDecoder, StreamEncoder
from secousti.audio.io import load_audio, save_audio
from secousti.config import CausalIstftConfig, CodecConfig, PitchConfig, VocoderConfig
from secousti.errors import SecoustiError
from secousti.export import export
from secousti.export.check import AUDIO_TOLERANCE, Agreement
from secousti.export.dft import irdft, rdft
from secousti.export.graphs import step_graphs
from secousti.export.real import real_arithmetic
from secousti.export.runtime import OnnxStep, open_steps
from secousti.export.write import Exported
from secousti.onecore import linear
from tests.p2psyn.toy import half_causal_codec
from tests.toy import toy_codec, toy_speech

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_stream.py"


@pytest.fixture(scope="module")
def codec() -> SecoustiCodec:
    """Diverse tokens, and the harmonic vocoder with all its complex arithmetic."""
    plain = toy_codec()
    istft = CausalIstftConfig(channels=24, layers=2, source="harmonic")
    vocoder = VocoderConfig(kind="causal_istft", causal_istft=istft)
    config = replace(plain.config, vocoder=vocoder, decode_precision="float64")
    codec = SecoustiCodec(config).eval()
    own = {k: v for k, v in plain.state_dict().items() if not k.startswith("vocoder")}
    codec.load_state_dict({**codec.state_dict(), **own})
    # An untrained decoder is so loud that clipping would hide every difference.
    last = codec.decoder.seanet.layers.layers[-1]
    with torch.no_grad():
        last.conv.weight.mul_(0.25)
        last.conv.bias.fill_(-7.0)
    codec.prepare()
    loud = codec.decode(codec.encode(toy_speech(1.0), 22050)).abs()
    assert loud.max() > 0.003
    assert (loud < 1.0).float().mean() > 0.99
    return codec


@pytest.fixture(scope="module")
def exported(codec: SecoustiCodec, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    return export(codec, tmp_path_factory.mktemp("onnx"), dynamic_batch=True)


def test_real_arithmetic_is_the_same_as_complex(codec: SecoustiCodec) -> None:
    torch.manual_seed(0)
    for complex_graph, real_graph in zip(
        step_graphs(codec, real=False), step_graphs(codec, real=True), strict=True
    ):
        tensors = (*complex_graph.example(2), *complex_graph.state_tensors(2))
        with torch.no_grad():
            for a, b in zip(complex_graph(*tensors), real_graph(*tensors), strict=True):
                torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_real_arithmetic_inverts_itself() -> None:
    x = torch.randn(3, 64, dtype=torch.float64)
    with real_arithmetic():
        spectrum = torch.fft.rfft(x)
        again = torch.fft.irfft(spectrum, n=64)
    torch.testing.assert_close(again, x)
    expected = torch.fft.rfft(x)
    torch.testing.assert_close(spectrum.real, expected.real)
    torch.testing.assert_close(spectrum.imag, expected.imag)


@pytest.mark.parametrize("n", [2, 14, 64, 512, 1000])
def test_transforms_in_two_stages(n: int) -> None:
    x = torch.randn(2, 3, n, dtype=torch.float64)
    real, imag = rdft(x)
    torch.testing.assert_close(torch.complex(real, imag), torch.fft.rfft(x))
    y = torch.randn(2, 3, n // 2 + 1, dtype=torch.complex128)  # also what no real signal has
    torch.testing.assert_close(irdft(y.real, y.imag, n), torch.fft.irfft(y, n))


@pytest.mark.parametrize(("size", "step"), [(8, 4), (4, 4), (6, 4), (5, 3)])
def test_windows_from_slices(size: int, step: int) -> None:
    x = torch.randn(2, 3, 24)
    with real_arithmetic():
        found = x.unfold(-1, size, step)
    assert torch.equal(found, x.unfold(-1, size, step))


def test_ids_are_equal_and_audio_is_within_a_thousandth(exported: Exported) -> None:
    agreement = exported.agreement
    assert agreement.equal == agreement.tokens == 80
    assert agreement.mel < 1e-5  # float64 on both sides, handed over as float32
    assert agreement.audio is not None
    assert agreement.audio < AUDIO_TOLERANCE


def run_example(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    run = f"runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"
    program = f"import sys, runpy; sys.modules['torch'] = None; {run}"
    command = [sys.executable, "-c", program, str(folder), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("seconds", [0.4, 3.0])
def test_the_example_is_the_stream_without_torch(
    codec: SecoustiCodec, exported: Exported, tmp_path: Path, seconds: float
) -> None:
    """In the voice of another recording, shorter or longer than the window it is taken from."""
    wav = 0.5 * toy_speech(3.0)[0]
    save_audio(tmp_path / "in.wav", wav, 22050)
    save_audio(tmp_path / "voice.wav", 0.5 * toy_speech(seconds, seed=3)[0], 22050)
    wav, _ = load_audio(tmp_path / "in.wav")
    voice = codec.voice(tmp_path / "voice.wav")
    spoken = ("--voice", tmp_path / "voice.wav")
    out = run_example(exported.folder, tmp_path / "in.wav", tmp_path / "out.wav", *spoken).stdout

    encoder, decoder = StreamEncoder(codec), StreamDecoder(codec, voice)
    codes = torch.cat([encoder.push(wav), encoder.flush()], dim=-1)
    assert json.loads(out) == codes[0, 0].tolist()
    expected = torch.cat([decoder.push(codes), decoder.flush()], dim=-1)[0, 0, : len(wav)]
    heard, rate = load_audio(tmp_path / "out.wav")
    assert (rate, len(heard)) == (22050, len(wav))
    assert expected.abs().max() > 0.003
    assert (heard - expected).abs().max() < AUDIO_TOLERANCE


def test_the_example_explains_itself_and_resamples(exported: Exported, tmp_path: Path) -> None:
    bare = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True)
    assert bare.returncode == 2
    assert "usage:" in bare.stderr
    save_audio(tmp_path / "in.wav", 0.5 * toy_speech(1.0, 16000)[0], 16000)
    done = run_example(exported.folder, tmp_path / "in.wav", tmp_path / "out.wav")
    assert done.returncode == 0, done.stderr
    heard, rate = load_audio(tmp_path / "out.wav")
    assert rate == 22050
    assert abs(len(heard) - 22050) <= 1


def test_a_codec_without_mel_and_voice(tmp_path: Path) -> None:
    """Its decoder gives sound at once; a mode that does not stream is refused."""
    pytest.importorskip("onnxscript")
    codec = half_causal_codec()
    with pytest.raises(SecoustiError, match="plain"):
        export(codec, tmp_path / "all")
    with pytest.raises(SecoustiError, match="without --no-vocoder"):
        export(codec, tmp_path / "mel", mode="plain", vocoder=False)
    done = export(codec, tmp_path / "plain", mode="plain")
    assert done.agreement.equal == done.agreement.tokens == 80
    assert done.agreement.audio is not None
    assert done.agreement.audio < AUDIO_TOLERANCE
    assert [path.name for path in done.files] == ["decoder.onnx", "encoder.onnx", "export.json"]
    wav = 0.5 * toy_speech(1.0, 16000)[0]
    save_audio(tmp_path / "in.wav", wav, 16000)
    wav, _ = load_audio(tmp_path / "in.wav")
    out = run_example(done.folder, tmp_path / "in.wav", tmp_path / "out.wav")
    encoded = codec.encode(wav, 16000)
    assert json.loads(out.stdout) == encoded.codes[0, 0].tolist()
    heard, _ = load_audio(tmp_path / "out.wav")
    expected = codec.decode(encoded, mode="plain")[0, 0]
    assert (heard - expected).abs().max() < AUDIO_TOLERANCE


def test_an_earlier_export_is_kept(exported: Exported, codec: SecoustiCodec) -> None:
    before = (exported.folder / "export.json").read_text()
    with pytest.raises(SecoustiError, match="--force"):
        export(codec, exported.folder)
    assert (exported.folder / "export.json").read_text() == before


@pytest.mark.parametrize("kind", ["onnx", "torch"])
def test_eight_bits_are_stored_and_measured(
    codec: SecoustiCodec,
    kind: Literal["onnx", "torch"],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("onnxscript")
    monkeypatch.setattr(linear, "EXACT_BYTES", 0)  # as if the encoder were large
    done = export(codec, tmp_path, format=kind, int8=True, vocoder=False)
    assert 0 < done.agreement.equal <= done.agreement.tokens == 80
    assert 0 < done.agreement.mel < 1.0
    if kind == "onnx":
        import onnx

        weights = onnx.load(tmp_path / "encoder.onnx").graph.initializer
        stored = {tensor.name: onnx.numpy_helper.to_array(tensor).dtype for tensor in weights}
    else:
        program = torch.export.load(tmp_path / "encoder.pt2")
        stored = {
            name: tensor.detach().numpy().dtype for name, tensor in program.state_dict.items()
        }
    layers = 2 * 4  # of a layer: queries, keys and values; output; up; down
    assert sum(dtype == np.int8 for dtype in stored.values()) >= layers


def test_a_program_holds_its_own_weights_only(codec: SecoustiCodec, tmp_path: Path) -> None:
    done = export(codec, tmp_path, format="torch")
    assert (done.agreement.equal, done.agreement.mel) == (80, 0.0)
    assert done.agreement.audio < 1e-6  # the vocoder itself goes through oneDNN
    program = torch.export.load(
        tmp_path / "vocoder.pt2", extra_files=(extra := {"secousti.json": ""})
    )
    assert all(name.startswith("codec.vocoder") for name in program.state_dict)
    about = json.loads(extra["secousti.json"])
    assert about["weight_hash"] == codec.weight_hash
    assert about["graph"]["inputs"] == ["mel"]


def test_disagreement_is_refused() -> None:
    Agreement(80, 80, 0.0, 9e-4).insist()
    for bad in (Agreement(80, 79, 0.0, 0.0), Agreement(80, 80, 0.0, float("inf"))):
        with pytest.raises(SecoustiError, match="disagree with PyTorch"):
            bad.insist()


def test_metadata_names_the_model(codec: SecoustiCodec, exported: Exported) -> None:
    about = json.loads((exported.folder / "export.json").read_text())
    assert about["weight_hash"] == codec.weight_hash
    assert (about["sample_rate"], about["frame_size"]) == (22050, 1024)
    assert about["latency"] == codec.latency()
    graphs = {graph.name: graph for graph in step_graphs(codec, real=True)}
    step = OnnxStep(graphs["encoder"], exported.folder / "encoder.onnx")
    inside = step.session.get_modelmeta().custom_metadata_map
    assert json.loads(inside["secousti.weight_hash"]) == codec.weight_hash
    assert json.loads(inside["secousti.latency"]) == codec.latency()


def test_rows_of_a_dynamic_batch_are_separate_streams(
    codec: SecoustiCodec, exported: Exported
) -> None:
    graphs = step_graphs(codec, real=True)
    encoder = open_steps(exported.folder, graphs[:1], "onnx")["encoder"]
    wav = toy_speech(0.6, rows=3).split(codec.frame_size, dim=1)[:-1]
    encoder.reset(3)
    together = np.concatenate([encoder(chunk.numpy()) for chunk in wav], axis=-1)
    expected = codec.encode(torch.cat(wav, dim=1), codec.sample_rate).codes.numpy()
    np.testing.assert_array_equal(together, expected)


def test_what_cannot_be_exported_is_said(codec: SecoustiCodec, tmp_path: Path) -> None:
    config: CodecConfig = codec.config
    seanet = replace(config.seanet, causal=False)
    with pytest.raises(SecoustiError, match="not causal"):
        export(SecoustiCodec(replace(config, seanet=seanet)), tmp_path)
    with pytest.raises(SecoustiError, match="input has pitch"):
        export(SecoustiCodec(replace(config, pitch=PitchConfig())), tmp_path)
    assert not list(tmp_path.iterdir())
