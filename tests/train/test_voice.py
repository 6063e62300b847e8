"""The listener: what it learns of voices, padding, kill and resume, faults."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from secousti.config import MelConfig
from secousti.errors import SecoustiError
from tests.train.corpus import write_corpus
from train.engine.run import Run
from train.voice.config import load
from train.voice.listener import ListenerConfig, VoiceListener, load_listener, save_listener
from train.voice.task import VoiceTask, equal_error_rate, train

MEL = MelConfig(mode="causal")
SMALL = ListenerConfig(channels=16, dilations=(1, 2), dim=8)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    """Six humming voices to learn, and the same kind of manifest of six more."""
    folder = tmp_path_factory.mktemp("voices")
    manifest = write_corpus(folder, utterances=18, speakers=6)
    document = {
        "mel": {"mode": "causal"},
        "listener": {"channels": 16, "dilations": [1, 2], "dim": 8},
        "training": {
            "data": {
                "root": str(folder),
                "train": [str(manifest)],
                "valid": [str(manifest)],
                "cache": str(folder / "cache"),
                "crop_seconds": 0.8,
                "batch_size": 12,
            },
            "optim": {"steps": 160, "lr": 1e-2, "warmup_steps": 5, "scale": 10.0},
            "run": {
                "output": str(folder / "run"),
                "validate_every": 200,
                "save_every": 50,
                "device": "cpu",
            },
        },
    }
    path = folder / "voice.yaml"
    path.write_text(yaml.safe_dump(document))
    return path, folder


@pytest.fixture(scope="module")
def trained(configuration):
    path, folder = configuration
    train(load(path))
    return folder / "run"


def test_it_learns_to_tell_voices_apart(configuration, trained):
    path, _ = configuration
    task = VoiceTask(load(path))
    batch = task.dataset[1000]
    task.model.listener = load_listener(trained / "listener")
    voices = task.voices(batch)
    speakers = np.array([task.speaker[name] for name in batch.names])
    alike = (voices @ voices.T).numpy()
    one, two = np.triu_indices(len(speakers), 1)
    same = speakers[one] == speakers[two]
    assert alike[one, two][same].mean() > alike[one, two][~same].mean() + 0.5
    assert equal_error_rate(alike[one, two][same], alike[one, two][~same]) < 0.15


def test_a_run_that_was_cut_off_ends_with_the_same_weights(configuration, trained, tmp_path):
    path, _ = configuration
    output = f"training.run.output={tmp_path}"
    cut = VoiceTask(load(path, (output,)))
    learn = cut.learn

    def until_70(batches, step):
        if step > 70:
            raise KeyboardInterrupt
        return learn(batches, step)

    cut.learn = until_70
    with pytest.raises(KeyboardInterrupt):
        Run(cut).run()
    assert (tmp_path / "checkpoints" / "step_00000050").is_dir()
    train(load(path, (output,)))
    ours, whole = (load_file(r / "listener" / "model.safetensors") for r in (tmp_path, trained))
    assert all(torch.equal(ours[name], whole[name]) for name in whole)


def test_only_speakers_that_never_trained_are_scored(configuration, tmp_path):
    path, folder = configuration
    assert VoiceTask(load(path)).score() == {}
    half = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    manifest = tmp_path / "train.jsonl"
    manifest.write_text("".join(json.dumps(r) + "\n" for r in half if r["speaker"] < "s3"))
    scores = VoiceTask(load(path, (f"training.data.train=[{manifest}]",))).score()
    assert 0 <= scores["equal_error_rate"] <= 1
    assert set(scores) == {"equal_error_rate", "same", "other"}


def test_padding_changes_nothing():
    torch.manual_seed(0)
    listener = VoiceListener(MEL, SMALL).eval()
    mel = torch.randn(1, 80, 50)
    padded = torch.cat([mel, 9 * torch.ones(1, 80, 30)], -1)
    mask = torch.arange(80)[None] < 50
    alone = listener(mel, mask[:, :50])
    torch.testing.assert_close(listener(padded, mask), alone, atol=1e-5, rtol=1e-5)
    assert alone.norm().item() == pytest.approx(1.0, abs=1e-5)


def test_error_rate_of_values_that_are_known():
    assert equal_error_rate(np.array([0.8, 0.9]), np.array([0.1, 0.2])) == pytest.approx(0)
    mixed = equal_error_rate(np.array([0.1, 0.6, 0.8, 0.9]), np.array([0.0, 0.2, 0.3, 0.7]))
    assert mixed == pytest.approx(0.25)


def test_a_folder_without_a_listener_or_of_another_size_is_refused(tmp_path):
    with pytest.raises(SecoustiError, match=r"python -m train\.voice"):
        load_listener(tmp_path)
    save_listener(VoiceListener(MEL, SMALL), tmp_path / "a")
    save_listener(VoiceListener(MEL, ListenerConfig(channels=8, dilations=(1,))), tmp_path / "b")
    shutil.copy(tmp_path / "b" / "config.json", tmp_path / "a" / "config.json")
    with pytest.raises(SecoustiError, match="does not fit the model"):
        load_listener(tmp_path / "a")
