"""A toy model in a folder, a few recordings, and their extraction."""

from __future__ import annotations

from pathlib import Path

import pytest

from secousti import SecoustiCodec
from secousti.audio.io import save_audio
from tests.toy import toy_codec, toy_speech


@pytest.fixture(scope="session")
def codec() -> SecoustiCodec:
    return toy_codec()


@pytest.fixture(scope="session")
def model(codec: SecoustiCodec, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(codec.save_pretrained(tmp_path_factory.mktemp("model") / "toy"))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings of two rates in two folders, and one that is no audio."""
    root = tmp_path_factory.mktemp("corpus")
    for i, (name, rate) in enumerate((("a/u0", 16000), ("a/u1", 22050), ("b/u2", 22050))):
        (root / name).parent.mkdir(exist_ok=True)
        save_audio(root / f"{name}.wav", toy_speech(0.4 + 0.3 * i, rate, seed=i), rate)
    (root / "b" / "bad.wav").write_bytes(b"this is no audio")
    return root
