"""From outside: the command line on files and pipes, and the analysis of a saved codec."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from secousti import load_codec
from secousti.container.encoded import load_encoded
from secousti.evaluation.datasets import DataConfig
from secousti.evaluation.p2psyn.classes import classify
from secousti.evaluation.p2psyn.robustness import lose
from secousti.evaluation.p2psyn.run import analyse, write
from secousti.evaluation.p2psyn.stages import stage_scores
from tests.p2psyn.toy import toy_codec


@pytest.fixture
def recording(tmp_path: Path, speech: torch.Tensor) -> Path:
    soundfile.write(tmp_path / "speech.wav", speech.numpy(), 16000, subtype="PCM_16")
    return tmp_path / "speech.wav"


def secousti(*arguments: str, feed: bytes | None = None) -> bytes:
    command = [sys.executable, "-m", "secousti", *arguments]
    return subprocess.run(command, check=True, capture_output=True, input=feed).stdout


def test_command_line(tmp_path: Path, recording: Path) -> None:
    """A file and a pipe give the tokens and the sound of the library."""
    model = str(toy_codec(causal=True).save_pretrained(tmp_path / "model"))
    codec = load_codec(model)
    want = codec.encode(recording, codec.sample_rate)
    secousti("encode", str(recording), "-m", model, "-o", str(tmp_path / "a.sct"))
    encoded = load_encoded(tmp_path / "a.sct")
    assert torch.equal(encoded.codes, want.codes)
    secousti("decode", str(tmp_path / "a.sct"), "-m", model, "-o", str(tmp_path / "b.wav"))
    heard, rate = soundfile.read(tmp_path / "b.wav", dtype="float32")
    assert (rate, len(heard)) == (16000, 32000)
    assert np.abs(heard - codec.decode(want)[0, 0].numpy()).max() < 1e-4
    sent = secousti("encode", "-", "-m", model, "-o", "-", feed=recording.read_bytes())
    (tmp_path / "piped.sct").write_bytes(sent)
    assert torch.equal(load_encoded(tmp_path / "piped.sct").codes, want.codes)


def test_classes_of_sound() -> None:
    """Silence, a tone at 150 Hz, noise: each half a second, found where they are."""
    generator = torch.Generator().manual_seed(0)
    tone = 0.3 * torch.sin(2 * torch.pi * 150 * torch.arange(8000) / 16000)
    noise = 0.1 * torch.randn(8000, generator=generator)
    kinds = classify(torch.cat([torch.zeros(8000), tone, noise]), 16000, 320, 75)
    inside = {"silence": slice(0, 23), "voiced": slice(27, 48), "unvoiced": slice(52, 73)}
    for name, span in inside.items():
        assert kinds[name][span].mean() > 0.95, name
        others = [other for other in inside.values() if other != span]
        assert all(kinds[name][other].mean() < 0.1 for other in others), name
    assert kinds["onset"].sum() == 1
    assert kinds["onset"][23:27].any()
    assert kinds["all"].all()


def test_stage_errors_add_up(speech: torch.Tensor) -> None:
    """What a stage leaves is what the next one starts from; classes average to all."""
    scores = stage_scores(toy_codec(), speech)
    assert scores["all", 1, "quantization"].value == pytest.approx(
        scores["all", 2, "dropped"].value, rel=1e-5
    )
    parts = [scores[kind, 1, "prediction"] for kind in ("voiced", "unvoiced", "silence")
             if (kind, 1, "prediction") in scores]  # fmt: skip
    total = sum(part.value * part.weight for part in parts) / sum(part.weight for part in parts)
    assert total == pytest.approx(scores["all", 1, "prediction"].value, rel=1e-5)
    assert scores["all", 1, "prediction"] == scores["all", 1, "prediction_free"]


def test_losing_tokens(speech: torch.Tensor) -> None:
    encoded = toy_codec().encode(speech, 16000)
    repaired, lost = lose(encoded, 0.3, torch.Generator().manual_seed(1))
    assert 0.15 < lost.float().mean() < 0.45
    assert torch.equal(repaired.codes[0, 0, ~lost], encoded.codes[0, 0, ~lost])
    assert torch.equal(repaired.codes[0, 0, 1:][lost[1:]], repaired.codes[0, 0, :-1][lost[1:]])


def test_analysis_from_recordings_to_report(tmp_path: Path, recording: Path) -> None:
    pytest.importorskip("matplotlib")
    codec = toy_codec(causal=True)
    analysis = analyse(codec, DataConfig(path=str(recording.parent)), metrics=(), name="toy")
    page = write([analysis], tmp_path / "report").read_text()
    assert "| oracle |" in page
    assert (tmp_path / "report" / "stages_0.png").stat().st_size > 10_000
    data = json.loads((tmp_path / "report" / "analysis.json").read_text())[0]
    assert data["facts"]["bitrate"] == 250.0
    assert data["agreement"]["2 s of silence after"]["mean"] == 1.0  # a causal encoder
    assert data["ablation"]["oracle/logmel"]["count"] == 1
    assert {row["stage"] for row in data["codebooks"]} == {0, 1, 2}
    assert data["loss"]["0.2/spread"]["mean"] >= 0
