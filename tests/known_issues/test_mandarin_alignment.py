"""Mandarin corpora with their own pinyin, and MFA's labels, through ``align``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from data_prep.__main__ import main
from data_prep.alignment.pinyin_labels import mandarin_symbols


def _manifest(folder: Path, *rows: dict[str, str]) -> Path:
    noise = np.random.default_rng(0).standard_normal(32000) * 0.05
    soundfile.write(folder / "a.wav", noise.astype(np.float32), 16000)
    lines = [
        {"audio": "a.wav", "speaker": "s", "language": "zh", "duration": 2.0, **row} for row in rows
    ]
    path = folder / "m.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


# Users saw: "'she4' is no phoneme of the inventory" for every row of AISHELL-3, and exit code 0.
def test_numbered_pinyin_of_a_corpus_is_aligned_syllable_by_syllable(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, {"text": "设备很好", "pronunciation": "she4 bei4 hen3 hao3"})
    output = tmp_path / "out.jsonl"
    assert main(["align", str(manifest), "-o", str(output), "--source", "builtin"]) == 0
    row = json.loads(output.read_text("utf-8"))
    assert [word[2] for word in row["words"]] == list("设备很好")
    spoken = [phone[2] for phone in row["phones"] if phone[2] != "sil"]
    assert spoken == ["sh", "e4", "b", "ei4", "h", "en3", "h", "ao3"]


def test_a_corpus_of_which_nothing_is_aligned_fails_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = _manifest(
        tmp_path,
        {"pronunciation": "she4 bei4", "corpus": "good", "id": "1"},
        {"pronunciation": "qqq9", "corpus": "strange", "id": "2"},
        {"text": "テスト", "language": "ja", "corpus": "other", "id": "3"},
    )
    output = tmp_path / "out.jsonl"
    assert main(["align", str(manifest), "-o", str(output), "--source", "builtin"]) != 0
    said = "".join(capsys.readouterr()).replace("\n", " ")
    assert "strange (1 rows, most often: 'qqq9'" in said
    assert "good (" not in said
    assert "other (" not in said
    assert len(output.read_text("utf-8").splitlines()) == 3


# Users saw: the labels of MFA's mandarin_pinyin refused or given other sounds (er, zhi).
@pytest.mark.parametrize(
    ("labels", "symbols"),
    [
        ("zh o1 ng", "zh ong1"),
        ("iou3 ue2 n", "iou3 uen2"),
        ("e4 r", "er4"),
        ("e4 r e2 n", "e4 r en2"),
        ("zh ii1 z ii1", "zh iii1 z ii1"),
        ("t a1 n a4", "t a1 n a4"),
    ],
)
def test_labels_of_mandarin_pinyin(labels: str, symbols: str) -> None:
    phones = [(float(i), i + 1.0, label) for i, label in enumerate(labels.split())]
    assert [phone[2] for phone in mandarin_symbols(phones)] == symbols.split()
