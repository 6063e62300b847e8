"""A recording is opened once: who opens it again may read another file that took its place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import soundfile

from tests.toy import toy_speech

# The hook sees every open of the process, and cannot be taken away from it again.
PROGRAM = """
import sys

opened = []
sys.addaudithook(lambda event, given: event == "open" and opened.append(str(given[0])))

from secousti import load_codec
from secousti.cli import main

model, *paths = sys.argv[1:]
codec = load_codec(model)
for path in paths:
    counts = []
    for command, suffix in (("encode", ".sct"), ("roundtrip", "-back.wav")):
        opened.clear()
        try:
            main([command, path, "-o", path + suffix, "-m", model])
        except SystemExit as ended:
            assert not ended.code, ended.code
        counts.append(opened.count(path))
    opened.clear()
    codec.encode(path)
    print("opened:", *counts, opened.count(path))
"""


def test_a_recording_is_opened_once(model: str, tmp_path: Path) -> None:
    """By ``encode``, by ``roundtrip``, and by ``codec.encode``."""
    paths = [str(tmp_path / name) for name in ("a.wav", "a.flac", "a.mp3")]
    for path in paths:
        soundfile.write(path, toy_speech(0.5, 16000)[0].numpy(), 16000)
    command = [sys.executable, "-c", PROGRAM, model, *paths]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    counts = [line for line in run.stdout.splitlines() if line.startswith("opened:")]
    assert counts == ["opened: 1 1 1"] * 3
