"""Disentanglement while a codec trains: the probes know what the crops know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from secousti.evaluation.audio import Audio
from tests.train.corpus import losses, toy_document, write_config, write_corpus
from train.codec import probes
from train.codec.config import load
from train.codec.probes import Item, items, pitch_metrics, speaker_metrics
from train.codec.task import CodecTask, train

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> CodecTask:
    """A run with probes and a real vocoder; sixteen utterances of four voices of known pitch."""
    pytest.importorskip("librosa")
    folder = tmp_path_factory.mktemp("probes")
    document = toy_document(folder, write_corpus(folder))
    document["training"]["run"] |= {
        "probes": True,
        "valid_items": 16,
        "vocoder": "two-frames",
        "samples": 0,
        "validate_every": 16,
    }
    path = write_config(folder, document)
    return train(load(path))


def test_validation_reports_the_probes(task: CodecTask) -> None:
    found = {name for _, name in losses(Path(task.run.output), "valid")}
    assert {"valid/speaker_from_s", "valid/speaker_from_digits"} <= found
    assert "valid/conversion_f0_nearer" in found


def test_one_speaker_cannot_be_told_from_nobody(task: CodecTask) -> None:
    crops = items([task._inspect(batch, None) for batch in task.valid], task.valid)
    names = [batch.names[b] for _, batch, b in crops]
    assert len(set(names)) == len(names)
    assert set(speaker_metrics(crops, task.speakers, ())) == {"speaker_from_s"}
    assert speaker_metrics(crops, dict.fromkeys(names, "one"), (3,) * 8) == {}


@pytest.mark.parametrize(("whose", "nearer"), [("target", 1.0), ("source", 0.0)])
def test_whose_pitch_the_decoder_makes_is_seen(
    task: CodecTask, monkeypatch: pytest.MonkeyPatch, whose: str, nearer: float
) -> None:
    """One that makes the target's recording stands for a decoder that obeys the voice."""

    def hum(source: Item, target: Item, codec: Any, vocoder: Any, rate: int) -> Audio:
        _, batch, b = target if whose == "target" else source
        return Audio(batch.audio[b, : int(batch.lengths[b])].numpy(), rate)

    monkeypatch.setattr(probes, "_converted", hum)
    crops = items([task._inspect(batch, None) for batch in task.valid], task.valid)
    codec, vocoder = task.objective.codec, task.vocoder
    assert vocoder is not None
    found = pitch_metrics(crops, task.speakers, codec, vocoder, task.sample_rate, task.pitches)
    assert found["conversion_f0_nearer"] == nearer
