"""A user's own corpus: names where it lies, and nothing else of a file in configs/."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.train.corpus import REPO, toy_document, write_config, write_corpus
from train.codec.config import load
from train.codec.setup import training_data

pytest.importorskip("accelerate")


def test_a_file_of_configs_with_another_corpus(tmp_path: Path) -> None:
    """Without timed phonemes, since few people have them: everything but them trains."""
    manifest = write_corpus(tmp_path, utterances=4)
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    plain = tmp_path / "plain.jsonl"
    plain.write_text("".join(json.dumps(row | {"phones": None}) + "\n" for row in rows))
    where = [f"root={tmp_path}", f"train=[{plain}]", f"valid=[{plain}]", f"cache={tmp_path}/cache"]
    small = [f"run.output={tmp_path}/run", "run.trackers=[]", "run.valid_items=1"]
    small += ["schedule.stage1_end=1", "schedule.total_steps=2", "data.batch_size=1"]
    values = [f"training.data.{value}" for value in where] + [f"training.{v}" for v in small]
    command = [sys.executable, "-m", "train", "configs/mini_21hz.yaml", *values]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "codec" / "model.safetensors").is_file()


def test_timed_phonemes_of_the_manifest_itself(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path, utterances=4)
    config = load(write_config(tmp_path, toy_document(tmp_path, manifest)))
    data = replace(config.training.data, alignments=())
    dataset = training_data(replace(config, training=replace(config.training, data=data)), 0, 1)
    assert any((dataset[n].phonemes >= 0).any() for n in range(3))
