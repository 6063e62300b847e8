"""A speedrun decodes and aligns no more than fits into its share of the time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from data_prep.division import Recordings
from data_prep.manifest import Row, read_manifest, write_manifest
from train.budget.ledger import Ledger
from train.data.alignment import Alignments
from train.speedrun import preparation
from train.speedrun.preparation import Preparation, aligned, decodable, drawn

WANTED = Preparation(aligner="builtin")


def _recordings(folder: Path, rows: list[Row]) -> Recordings:
    """All of them to train on, and one more held out."""
    train, valid = folder / "train.jsonl", folder / "valid.jsonl"
    write_manifest(train, rows)
    write_manifest(valid, [replace(rows[0], id="held", text=None, phones=None)])
    return Recordings(str(train), str(valid), 60.0, 1.0, 3, True, len(rows), {})


def _rows(folder: Path, speakers: str, text: str | None = "a word") -> list[Row]:
    rng = np.random.default_rng(0)
    audio = folder / "noise.wav"
    soundfile.write(audio, 0.1 * rng.standard_normal(16000), 16000)
    return [
        Row(str(audio), speaker, "en", 1.0, text=text, id=f"u{n:03}")
        for n, speaker in enumerate(speakers)
    ]


def test_every_beginning_of_a_draw_is_fair_to_the_speakers(tmp_path):
    rows = _rows(tmp_path, "a" * 50 + "b" * 3 + "c" * 3)
    order = drawn(rows, seed=1)
    assert sorted(row.id for row in order) == [row.id for row in rows]
    assert [{r.speaker for r in order[n : n + 3]} for n in (0, 3, 6)] == [set("abc")] * 3
    assert [r.id for r in drawn(rows, seed=1)] == [r.id for r in order]
    assert [r.id for r in drawn(rows, seed=2)] != [r.id for r in order]


def test_alignment_ends_with_its_share_and_says_so(tmp_path, capsys):
    rows = _rows(tmp_path, "ab" * 12)
    rows[3].phones = [(0.0, 1.0, "AA1")]
    recordings = _recordings(tmp_path, rows)
    ledger = Ledger(tmp_path / "job", 1e-6, {})  # minutes
    manifests = aligned(recordings, WANTED, ledger)
    said = capsys.readouterr().out
    assert "1 recordings came with times; 16 of 23 recordings with a text aligned" in said
    assert "what fits into 10% of the time, drawn over 2 speakers" in said
    assert "train what needs no phonemes" in said
    found = [row for path in manifests for row in read_manifest(path)]
    assert len(found) == 17
    assert all(row.phones for row in found)
    assert [r.phones for r in found if r.id == "u003"] == [[(0.0, 1.0, "AA1")]]
    labels = Alignments(tmp_path, [manifests[0]], 16000, 256)
    assert len(labels) == 1
    again = aligned(recordings, WANTED, Ledger(tmp_path / "job", 1e-6, {}))
    assert again == manifests
    assert "16 of 23" in capsys.readouterr().out


def test_without_texts_nothing_is_aligned(tmp_path, capsys):
    recordings = _recordings(tmp_path, _rows(tmp_path, "ab", text=None))
    assert aligned(recordings, WANTED, Ledger(tmp_path / "job", 1.0, {})) == []
    assert "no recording has a text" in capsys.readouterr().out


def test_a_corpus_too_long_to_be_decoded_in_time_is_drawn_from(tmp_path, capsys, monkeypatch):
    recordings = _recordings(tmp_path, _rows(tmp_path, "a" * 150 + "b" * 50))
    fast = decodable(recordings, WANTED, Ledger(tmp_path / "fast", 10.0, {}))
    assert fast == recordings
    monkeypatch.setattr(preparation, "_seconds_of_decoding", lambda *_: 0.6)
    found = decodable(recordings, WANTED, Ledger(tmp_path / "slow", 10.0, {}))
    assert "1.7 min of them are used" in capsys.readouterr().out
    rows = list(read_manifest(found.train))
    assert len(rows) == found.seconds == found.texts == 100  # a tenth of 600 s, at 0.6 s a second
    assert sum(row.speaker == "b" for row in rows) == 50
    again = decodable(recordings, WANTED, Ledger(tmp_path / "slow", 10.0, {}))
    assert again == found
    assert "draw" in json.loads((tmp_path / "slow" / "job.json").read_text())["done"]
