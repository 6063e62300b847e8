"""Shards that ``data_prep prepare`` wrote give the trainer what the manifest gives it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.train.corpus import RATE, REPO, environment, toy_document, write_config, write_corpus
from train.codec.config import load
from train.codec.setup import training_data, validation_batches
from train.data.packed import PackedAudio
from train.data.shards import PackedShards

pytest.importorskip("lhotse")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    manifest = write_corpus(folder)
    command = [sys.executable, "-m", "data_prep", "prepare", str(manifest)]
    command += ["-o", str(folder / "shards"), "--workers", "1", "--valid-fraction", "0.5"]
    done = subprocess.run(command, cwd=REPO, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, manifest


def test_audio_and_phonemes_survive(prepared):
    folder, manifest = prepared
    whole = PackedAudio([manifest], folder, RATE, folder / "cache")
    parts = [PackedShards(folder / "shards", s, RATE, folder / "cache") for s in ("train", "valid")]
    rows = [(part, n) for part in parts for n in range(len(part))]
    assert len(rows) == len(whole)
    assert {row.speaker for row in parts[0].rows}.isdisjoint(r.speaker for r in parts[1].rows)
    lengths = {whole.rows[n].length: n for n in range(len(whole))}
    for part, n in rows:
        twin = lengths[part.rows[n].length]
        a, b = part.crop(n), whole.crop(twin)
        assert np.abs(a - b).max() < 1e-3
        assert part.rows[n].speaker == whole.rows[twin].speaker
    assert sum(bool(phones) for part in parts for phones in part.phones) == 12


def test_a_second_opening_reads_the_cache(prepared, monkeypatch):
    folder, _ = prepared
    first = PackedShards(folder / "shards", "train", RATE, folder / "cache")
    monkeypatch.setattr("train.data.build._write", None)
    again = PackedShards(folder / "shards", "train", RATE, folder / "cache")
    assert again.rows == first.rows


def test_a_configuration_names_the_folder(prepared):
    folder, manifest = prepared
    config = load(write_config(folder, toy_document(folder, manifest)))
    shards = (str(folder / "shards"),)
    data = replace(config.training.data, train=shards, valid=shards, alignments=())
    config = replace(config, training=replace(config.training, data=data))
    dataset = training_data(config, 0, 1)
    assert any((dataset[n].phonemes >= 0).any() for n in range(3))
    validated = {name for batch in validation_batches(config) for name in batch.names}
    assert validated.isdisjoint(row.audio for row in dataset.corpus.rows)
