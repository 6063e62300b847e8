"""A toy model on disk, recordings, and a way to run the command line."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from secousti import SecoustiCodec, load_codec
from secousti.cli import main
from tests.toy import toy_codec, toy_speech


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a toy model."""
    folder = tmp_path_factory.mktemp("models") / "toy"
    toy_codec().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same network with other weights."""
    folder = tmp_path_factory.mktemp("models") / "other"
    toy_codec(seed=1).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def codec(model: str) -> SecoustiCodec:  # type: ignore[override]
    loaded = load_codec(model)
    assert isinstance(loaded, SecoustiCodec)
    return loaded


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """1.7 s at 16 kHz, an odd number of samples."""
    path = tmp_path / "speech.wav"
    soundfile.write(path, toy_speech(1.7, 16000)[0, :-1].numpy(), 16000)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """recordings/a.wav, recordings/deep/b.flac, and a file that is no audio."""
    root = tmp_path / "recordings"
    (root / "deep").mkdir(parents=True)
    soundfile.write(root / "a.wav", toy_speech(0.5, 16000, 1)[0].numpy(), 16000)
    soundfile.write(root / "deep" / "b.flac", toy_speech(0.4, 22050, 2)[0].numpy(), 22050)
    (root / "notes.txt").write_text("not audio")
    return root


@dataclass
class Ran:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: bytes
    err: str


class Pipe(io.BytesIO):
    """Standard output as a pipe: it cannot seek."""

    def seekable(self) -> bool:
        return False


@pytest.fixture
def secousti(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Run ``secousti args`` in this process; ``stdin`` are the bytes of standard input."""

    def run(*args: object, stdin: bytes = b"") -> Ran:
        out = io.TextIOWrapper(Pipe(), encoding="utf-8", write_through=True)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as stop:
            main([str(arg) for arg in args])
        code = stop.value.code
        return Ran(int(code or 0), out.buffer.getvalue(), capsys.readouterr().err)  # type: ignore[attr-defined]

    return run


@pytest.fixture
def sct(secousti: Callable[..., Ran], speech: Path, model: str) -> Path:
    """A whole .sct file of the recording ``speech``."""
    path = speech.with_suffix(".sct")
    assert secousti("encode", speech, "-o", path, "-m", model).code == 0
    return path


def read_wav(path: Path | io.BytesIO) -> tuple[np.ndarray, int]:
    return soundfile.read(path, dtype="float32")
