"""Kill the real command at any moment and continue: the same losses to the last bit."""

from __future__ import annotations

import json
import math
import signal
import time
from pathlib import Path

import pytest

from secousti import SecoustiCodec
from secousti.config import MelConfig
from tests.train.corpus import finish, losses, toy_document, train, write_config, write_corpus
from train.voice.listener import ListenerConfig, VoiceListener, save_listener


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return folder, write_corpus(folder)


@pytest.fixture(scope="module")
def whole(corpus):
    """An uninterrupted run, with everything random switched on."""
    folder, manifest = corpus
    document = toy_document(folder, manifest)
    shares = {"speed_share": 0.7, "noise_share": 0.7, "room_share": 0.7}
    document["training"]["data"]["augment"] = shares
    config = write_config(folder, document)
    output = finish(train(config))
    return config, folder / "run", output


@pytest.fixture(scope="module")
def scored(corpus):
    """An uninterrupted run of every module on every loss, scored and spoken in other voices."""
    folder, manifest = corpus
    document = toy_document(folder, manifest)
    training = document["training"]
    listener = folder / "listener"
    save_listener(VoiceListener(MelConfig(), ListenerConfig(channels=8, dilations=(1,))), listener)
    training["objective"] |= {"warp_share": 0.5, "discriminator": {"channels": 4, "layers": 2}}
    training["objective"]["listener"] = str(listener)
    training["schedule"] |= {
        "strategy": "joint",
        "loudness": 1.0,
        "intelligibility": 1.0,
        "adversarial": {"start": 4, "end": 8, "upper": 0.3},
        "conversion": 1.0,
        "conversion_words": 1.0,
    }
    training["optim"]["name"] = "muon"
    training["run"]["output"] = str(folder / "scored")
    config = write_config(folder, document, "scored.yaml")
    return config, folder / "scored", finish(train(config))


def _kill_at(config: Path, run: Path, step: int, how: signal.Signals) -> int:
    process = train(config, f"training.run.output={run}")
    csv = run / "metrics.csv"
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline and process.poll() is None:
        if csv.exists() and csv.read_text().rfind(f"\n{step},") >= 0:
            break
        time.sleep(0.005)
    process.send_signal(how)
    process.communicate(timeout=900)
    return process.returncode


@pytest.mark.parametrize(("kind", "step"), [("whole", 5), ("whole", 11), ("scored", 7)])
def test_killed_and_continued_gives_bit_identical_losses(request, tmp_path, kind, step):
    config, reference, _ = request.getfixturevalue(kind)
    run = tmp_path / "run"
    code = _kill_at(config, run, step, signal.SIGKILL)
    assert code == -signal.SIGKILL, "the run ended before it could be killed"
    finish(train(config, f"training.run.output={run}"))
    assert losses(run) == losses(reference)
    assert losses(run, "valid") == losses(reference, "valid")
    ends = [r / "checkpoints" / "last" / "objective.safetensors" for r in (run, reference)]
    assert ends[0].read_bytes() == ends[1].read_bytes()


def test_sigterm_saves_and_continues(whole, tmp_path):
    config, reference, _ = whole
    run = tmp_path / "run"
    assert _kill_at(config, run, 4, signal.SIGTERM) == 0
    assert (run / "checkpoints" / "last" / "state.json").exists()
    finish(train(config, f"training.run.output={run}"))
    assert losses(run) == losses(reference)


def test_a_run_goes_through_both_stages_and_leaves_a_codec(whole):
    _, run, output = whole
    assert "stage 'acoustic'" in output
    assert "stage 'semantic'" in output
    codec = SecoustiCodec.from_pretrained(run / "checkpoints" / "last" / "codec")
    import torch

    encoded = codec.encode(torch.randn(1, 30_000) * 0.1, codec.sample_rate)
    assert encoded.codes.shape == (1, 1, 30)
    steps = {step for step, _ in losses(run)}
    assert steps == set(range(1, 17))
    state = json.loads((run / "checkpoints" / "last" / "state.json").read_text())
    assert state["step"] == 16


def test_everything_that_judges_speech_is_logged_and_finite(scored):
    _, run, output = scored
    assert "stage 'joint'" in output
    found = losses(run)
    last = {name.split("/")[1]: value for (step, name), value in found.items() if step == 16}
    assert {"loudness", "intelligibility", "discriminator", "adversarial", "features"} <= set(last)
    assert {"conversion", "conversion_words"} <= set(last)
    assert all(math.isfinite(value) for value in last.values())
    assert not any(name == "train/adversarial" for step, name in found if step <= 4)


def test_finished_runs_stay_finished_and_fresh_ones_are_refused(whole):
    config, run, _ = whole
    before = losses(run)
    finish(train(config))
    assert losses(run) == before
    output = finish(train(config, "--fresh"), code=1)
    assert "already holds a run" in output


def test_another_model_in_the_same_folder_is_refused(whole):
    config, _, _ = whole
    output = finish(train(config, "codec.acoustic_dim=13"), code=1)
    assert "another codec configuration" in output
