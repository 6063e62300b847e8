"""Pairs for VERSA's scorer: Kaldi lists, WAV files of equal rate and length, its YAML."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from secousti import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.integrations.versa import write_pairs


def listed(path: Path) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in path.read_text("utf-8").splitlines())


def test_pairs_of_a_folder(codec: SecoustiCodec, model: str, corpus: Path, tmp_path: Path) -> None:
    output = tmp_path / "scored"
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "secousti.integrations.versa",
            str(corpus),
            "-m",
            model,
            "-o",
            output,
        ],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "left out b/bad" in ran.stderr
    assert f"cd {output} && python -m versa.bin.scorer --gt gt.scp --pred pred.scp" in ran.stdout
    given, heard = listed(output / "gt.scp"), listed(output / "pred.scp")
    assert list(given) == list(heard) == ["a-u0", "a-u1", "b-u2"]
    for key, path in given.items():
        audio, rate = soundfile.read(path, dtype="float32")
        made, made_rate = soundfile.read(heard[key], dtype="float32")
        original, original_rate = soundfile.read(corpus / f"{key.replace('-', '/')}.wav")
        assert rate == made_rate == original_rate
        assert len(audio) == len(made) == len(original)
        want = codec.decode(codec.encode((original, rate)), rate)[0, 0].numpy()
        np.testing.assert_allclose(made, want[: len(made)], atol=1e-4)
    metrics = yaml.safe_load((output / "metrics.yaml").read_text())
    assert {"pesq", "stoi"} < {metric["name"] for metric in metrics}


def test_transcripts_and_nothing(codec: SecoustiCodec, corpus: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "list.jsonl"
    manifest.write_text(f'{{"audio": "{corpus / "a/u0.wav"}", "id": "x y", "text": "one  two"}}\n')
    pairs = write_pairs(codec, str(manifest), tmp_path / "out")
    assert listed(pairs.folder / "text") == {"x_y": "one two"}
    with pytest.raises(SecoustiError, match="holds pairs already"):
        write_pairs(codec, str(manifest), tmp_path / "out")
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    with pytest.raises(SecoustiError, match="not one recording"):
        write_pairs(codec, str(tmp_path / "bad.wav"), tmp_path / "none")
    assert not (tmp_path / "none").exists()
