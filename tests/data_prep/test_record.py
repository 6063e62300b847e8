"""``record``: sentences and what a microphone gave, as a folder that a training reads."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from data_prep.corpora.source import find_sources

from .conftest import run_command


class Microphone:
    """``sounddevice.InputStream``: gives a block whenever somebody listens."""

    def __init__(self, samplerate: int, blocksize: int, callback: Any, **_: object) -> None:
        self.sound = np.full((blocksize, 1), 0.25, np.float32)
        self.callback, self.ended = callback, threading.Event()

    def __enter__(self) -> None:
        threading.Thread(target=self._give, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.ended.set()

    def _give(self) -> None:
        while not self.ended.wait(0.005):
            self.callback(self.sound, len(self.sound), None, None)
            given.set()


given = threading.Event()


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is typed, in order; a line that ends a recording waits until a block was given."""
    device = SimpleNamespace(InputStream=Microphone, query_devices=lambda: [])
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    typed: list[str] = []

    def answer(prompt: str) -> str:
        if "speak" in prompt:
            given.clear()
            assert given.wait(60)
            return ""
        return typed.pop(0)

    monkeypatch.setattr("builtins.input", answer)
    return typed


def test_sentences_become_recordings_with_text(tmp_path: Path, keyboard: list[str]) -> None:
    sentences, out = tmp_path / "s.txt", tmp_path / "me"
    sentences.write_text("One thing.\n\nAnother thing.\nA third.\n")
    keyboard += ["", "", "q"]
    assert run_command("record", "-o", out, "--sentences", sentences) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["001.txt", "001.wav", "002.txt", "002.wav"]
    samples, rate = soundfile.read(out / "001.wav")
    assert rate == 44100
    assert len(samples)
    assert np.allclose(samples, 0.25, atol=1e-3)
    faults: list[Any] = []
    rows = list(find_sources([str(out)], None, None)[0].rows(faults.append))
    assert [row.text for row in rows] == ["One thing.", "Another thing."]
    assert not faults


def test_it_goes_on_and_records_again(tmp_path: Path, keyboard: list[str]) -> None:
    sentences, out = tmp_path / "s.txt", tmp_path / "me"
    sentences.write_text("One thing.\nAnother thing.\n")
    keyboard += ["", "q"]
    run_command("record", "-o", out, "--sentences", sentences)
    first = (out / "001.wav").stat().st_mtime_ns
    keyboard += ["", "r", ""]
    sentences.write_text("One thing.\nAnother thing.\nA third.\n")
    keyboard += [""]
    assert run_command("record", "-o", out, "--sentences", sentences) == 0
    assert (out / "003.wav").is_file()
    assert (out / "001.wav").stat().st_mtime_ns == first
    assert not keyboard


def test_no_sentences_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.txt").write_text("\n")
    assert run_command("record", "-o", tmp_path, "--sentences", tmp_path / "s.txt") == 1
    assert "holds no sentences" in capsys.readouterr().err
