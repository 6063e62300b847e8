"""A toy model and a small corpus with every kind of trouble."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secousti.audio.io import save_audio
from secousti.extraction.settings import Settings
from tests.toy import toy_codec, toy_speech


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toy_codec().save_pretrained(tmp_path_factory.mktemp("model") / "toy"))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """14 recordings in two rates, 0.2 to 2.2 s, and one that is no audio; a manifest of them."""
    root = tmp_path_factory.mktemp("corpus")
    rows = []
    for i in range(14):
        rate = 16000 if i % 2 else 22050
        path = root / f"s{i % 3}" / f"u{i:02d}.wav"
        path.parent.mkdir(exist_ok=True)
        seconds = 0.2 + (i * 7 % 11) * 0.2
        save_audio(path, toy_speech(seconds, rate, seed=i), rate)
        rows.append(
            {
                "audio": f"s{i % 3}/u{i:02d}.wav",
                "duration": seconds,
                "speaker": f"s{i % 3}",
                "language": "en",
                "text": f"sentence {i}",
                "phones": [[0, 0.1, "AH"], [0.1, 0.2, "T"]],
            }
        )
    (root / "s1" / "bad.wav").write_bytes(b"this is no audio")
    rows.insert(5, {"audio": "s1/bad.wav", "text": "never read"})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "all.jsonl").write_text(lines, encoding="utf-8")
    return root


@pytest.fixture
def settings(model: str) -> Settings:
    """Small shards, batches and windows, so that a small corpus has several of each."""
    return Settings(model, shard_size=4, batch_seconds=3.0, window_seconds=2.5)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of an output but its working state."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".secousti" not in path.parts
    }
