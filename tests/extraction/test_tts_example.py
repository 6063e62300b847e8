"""The example trains on an extraction, learns, and speaks through a stream."""

from __future__ import annotations

import math
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
    tokens, trained = str(tmp_path / "tokens"), str(tmp_path / "tts.safetensors")
    told = _run("evaluate.py", trained, "--train", tokens, "--valid", tokens).stdout.splitlines()
    assert [line.rpartition("  ")[0].strip() for line in told] == [
        "all ids alike",
        "unigrams",
        "after another's text",
        "after its own text",
    ]
    nats = [float(line.removesuffix(" nats a token").rpartition(" ")[2]) for line in told]
    assert nats[0] == pytest.approx(math.log(6561), abs=1e-3)
    assert all(0 < each < 10 for each in nats)
    speak = ("speak.py", trained, "a sentence", "--tokens", tokens, "-o", str(tmp_path / "no.wav"))
    nobody = _run(*speak, "--codec", model, "--voice", "nobody")
    other = _run(*speak, "--codec", "mini-86hz")
    none = _run("evaluate.py", trained, "--train", tokens, "--valid", str(tmp_path / "none"))
    for done, said in ((nobody, "'nobody'"), (other, "another codec"), (none, "none")):
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert said in done.stderr
    assert not (tmp_path / "no.wav").exists()


def _run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_training_loop_over_a_corpus(corpus: Path, settings: Settings, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    extract(corpus / "all.jsonl", tmp_path / "tokens", settings, processes=1)
    loop = EXAMPLE.parent / "corpus" / "loop.py"
    tokens = str(tmp_path / "tokens")
    command = [sys.executable, str(loop), tokens, tokens, "--epochs", "1"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "12.68" in out  # log2 of 6,561 ids: the fair guess
