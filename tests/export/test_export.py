"""Exported graphs against PyTorch, step by step, and without torch altogether."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from secousti import SecoustiCodec
from secousti.config import CodecConfig
from secousti.errors import SecoustiError
from secousti.export import export
from secousti.export.check import Agreement
from secousti.export.graphs import step_graphs
from secousti.export.real import real_arithmetic
from secousti.export.runtime import OnnxStep, open_steps
from secousti.export.write import Exported
from secousti.vocoder.config import CausalIstftConfig, VocoderConfig
from tests.toy import toy_codec, toy_speech


@pytest.fixture(scope="module")
def codec() -> SecoustiCodec:
    """Diverse tokens, and the harmonic vocoder with all its complex arithmetic."""
    plain = toy_codec()
    istft = CausalIstftConfig(channels=24, layers=2, source="harmonic")
    vocoder = VocoderConfig(kind="causal_istft", causal_istft=istft)
    codec = SecoustiCodec(replace(plain.config, vocoder=vocoder)).eval()
    own = {k: v for k, v in plain.state_dict().items() if not k.startswith("vocoder")}
    codec.load_state_dict({**codec.state_dict(), **own})
    # An untrained decoder is so loud that clipping would hide every difference.
    last = codec.decoder.seanet.layers.layers[-1]
    with torch.no_grad():
        last.conv.weight.mul_(0.25)
        last.conv.bias.fill_(-7.0)
    loud = codec.decode(codec.encode(toy_speech(1.0))).abs()
    assert loud.max() > 0.003
    assert (loud < 1.0).float().mean() > 0.99
    return codec


@pytest.fixture(scope="module")
def exported(codec: SecoustiCodec, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    return export(codec, tmp_path_factory.mktemp("onnx"), dynamic_batch=True, vocoder=False)


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


def test_ids_are_equal_and_mel_is_within_a_thousandth(exported: Exported) -> None:
    agreement = exported.agreement
    assert agreement.equal == agreement.tokens == 80
    assert agreement.mel < 1e-3


def test_disagreement_is_refused() -> None:
    Agreement(80, 80, 0.0, 9e-4).insist()
    for bad in (Agreement(80, 79, 0.0, 0.0), Agreement(80, 80, 0.0, float("inf"))):
        with pytest.raises(SecoustiError, match="disagree with PyTorch"):
            bad.insist()


def test_metadata_names_the_model(codec: SecoustiCodec, exported: Exported) -> None:
    about = json.loads((exported.folder / "export.json").read_text())
    assert about["weight_hash"] == codec.weight_hash
    assert (about["sample_rate"], about["frame_size"]) == (22050, 1024)
    assert about["latency"] == codec.latency
    graphs = {graph.name: graph for graph in step_graphs(codec, real=True)}
    step = OnnxStep(graphs["encoder"], exported.folder / "encoder.onnx")
    inside = step.session.get_modelmeta().custom_metadata_map
    assert json.loads(inside["secousti.weight_hash"]) == codec.weight_hash
    assert json.loads(inside["secousti.latency"]) == codec.latency


def test_rows_of_a_dynamic_batch_are_separate_streams(
    codec: SecoustiCodec, exported: Exported
) -> None:
    graphs = step_graphs(codec, real=True)
    encoder = open_steps(exported.folder, graphs[:2], "onnx")["encoder"]
    wav = toy_speech(0.6, rows=3).split(codec.frame_size, dim=1)[:-1]
    encoder.reset(3)
    together = np.concatenate([encoder(chunk.numpy()) for chunk in wav], axis=-1)
    expected = codec.encode(torch.cat(wav, dim=1)).codes.numpy()
    np.testing.assert_array_equal(together, expected)


def test_what_cannot_be_exported_is_said(codec: SecoustiCodec, tmp_path: Path) -> None:
    with pytest.raises(SecoustiError, match="int8 is made by onnxruntime"):
        export(codec, tmp_path, format="torch", int8=True)
    config: CodecConfig = codec.config
    seanet = replace(config.seanet, causal=False)
    with pytest.raises(SecoustiError, match="not causal"):
        export(SecoustiCodec(replace(config, seanet=seanet)), tmp_path)
    assert not list(tmp_path.iterdir())
