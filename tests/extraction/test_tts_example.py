"""The example trains on an extraction, learns, and speaks through a stream."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from secousti.audio.io import load_audio
from secousti.extraction import extract
from secousti.extraction.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "tts"


def test_train_and_speak(corpus: Path, settings: Settings, model: str, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    extract(corpus / "all.jsonl", tmp_path / "tokens", settings, processes=1)
    command = [sys.executable, str(EXAMPLE / "train.py"), str(tmp_path / "tokens")]
    options = ["--output", str(tmp_path / "tts.safetensors"), "--steps", "30", "--batch-size", "2"]
    out = subprocess.run([*command, *options], check=True, capture_output=True, text=True).stdout
    assert "step 1: 8." in out  # ln 6593 = 8.79: all ids are equally likely at first
    command = [sys.executable, str(EXAMPLE / "speak.py"), str(tmp_path / "tts.safetensors")]
    options = ["sentence", "--tokens", str(tmp_path / "tokens"), "--codec", model]
    subprocess.run(
        [*command, *options, "--seconds", "1", "-o", str(tmp_path / "out.wav")], check=True
    )
    wav, rate = load_audio(tmp_path / "out.wav")
    assert rate == 22050
    assert 0 < len(wav) <= 22 * 1024
