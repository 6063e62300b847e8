"""Validation that is heard: PESQ and STOI through the vocoder of a trained codec."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secousti.config import from_dict
from secousti.errors import SecoustiError
from tests.train.corpus import losses, toy_document, write_corpus
from train.codec.config import Config
from train.codec.task import train
from train.engine.track import CsvTracker

pytest.importorskip("pesq")
pytest.importorskip("pystoi")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Four steps of stage 1 and four of stage 2, validated at the end of each."""
    folder = tmp_path_factory.mktemp("corpus")
    document = toy_document(folder, write_corpus(folder))
    document["training"]["schedule"] |= {"stage1_end": 4, "total_steps": 8}
    for kl in ("kl_semantic", "kl_para"):
        document["training"]["schedule"][kl] = {"start": 8, "end": 8}
    document["training"]["run"] |= {"vocoder": "mini-21hz", "samples": 2, "best": "stoi"}
    return from_dict(Config, document)


def _in(config, folder, **run):
    changed = replace(config.training.run, output=str(folder), **run)
    return replace(config, training=replace(config.training, run=changed))


def test_validation_is_heard_through_a_real_vocoder(config, tmp_path, monkeypatch):
    sounds = {}

    def audio(self, step, name, samples, rate):
        sounds[step, name] = (samples, rate)

    monkeypatch.setattr(CsvTracker, "audio", audio)
    train(_in(config, tmp_path))
    values = losses(tmp_path, "valid")
    for step in (4, 8):
        assert 1.0 <= values[step, "valid/pesq"] <= 4.65
        assert -1.0 <= values[step, "valid/stoi"] <= 1.0
    kinds = {name.split("/")[0] for step, name in sounds if step == 8}
    assert kinds == {"original", "vocoder", "acoustic", "tokens"}
    assert {rate for _, rate in sounds.values()} == {22050}
    lengths = {len(samples) for (step, name), (samples, _) in sounds.items() if name.endswith("/0")}
    assert len(lengths) == 1, "every version of an utterance is as long as it is"
    best = (tmp_path / "checkpoints" / "best").resolve().name
    better = max((4, 8), key=lambda step: values[step, "valid/stoi"])
    assert best == f"step_{better:08d}"


def test_a_vocoder_for_other_mels_is_refused(config, tmp_path):
    mel = replace(config.codec.mel, mode="centered")
    other = replace(config, codec=replace(config.codec, mel=mel))
    with pytest.raises(SecoustiError, match="was trained for other mel frames"):
        train(_in(other, tmp_path))
