"""Optimizer, average, checkpoints, guard, trackers and pictures, each by itself."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from secousti.errors import SecoustiError
from train.codec.config import OptimConfig
from train.engine.checkpoint import CheckpointFolder
from train.engine.ema import WeightAverage
from train.engine.guard import Guard
from train.engine.learner import clip_gradients
from train.engine.optim import build_optimizer, rate
from train.engine.pictures import mel_picture
from train.engine.run import random_seed
from train.engine.track import CsvTracker, Meter, _run_id, open_trackers
from train.engine.tree import read_tree, write_tree


def test_learning_rate_warms_up_and_decays_within_its_stage():
    config = OptimConfig(lr=1.0, schedule="cosine", warmup_steps=10, final_lr=0.1)
    rates = [rate(config, done, 100) for done in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == pytest.approx(1.0)
    assert all(a >= b for a, b in itertools.pairwise(rates[9:]))
    assert rates[-1] == pytest.approx(0.1, abs=0.01)
    assert rates[10 + 45] == pytest.approx(0.55, abs=0.02)


def test_the_papers_learning_rate_is_constant():
    assert {rate(OptimConfig(), done, 100) for done in range(100)} == {2e-4}


def test_only_matrices_are_decayed():
    layer = torch.nn.Linear(2, 3)
    optimizer = build_optimizer(layer.parameters(), OptimConfig(weight_decay=0.1))
    decays = {p.ndim: g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    assert decays == {2: 0.1, 1: 0.0}


def test_average_follows_its_formula_and_swaps_in_and_out():
    weight = torch.nn.Parameter(torch.zeros(3))
    average = WeightAverage({"w": weight}, decay=0.5)
    expected = torch.zeros(3)
    for n in range(1, 6):
        with torch.no_grad():
            weight.fill_(float(n))
        average.update()
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * n
    with average.in_place():
        torch.testing.assert_close(weight.data, expected)
    assert weight.tolist() == [5.0, 5.0, 5.0]


def test_trees_survive_the_disk(tmp_path):
    tree = {"state": {"a.b/c": {"step": torch.tensor(3.0), "m": torch.randn(2, 3)}}, "n": [1, None]}
    write_tree(tmp_path / "t.safetensors", tree)
    back = read_tree(tmp_path / "t.safetensors")
    assert torch.equal(back["state"]["a.b/c"]["m"], tree["state"]["a.b/c"]["m"])
    assert back["n"] == [1, None]
    with pytest.raises(SecoustiError, match="lacks"):
        read_tree(tmp_path / "other.safetensors")


def _touch(folder):
    (folder / "state.json").write_text("{}")


def test_the_last_few_and_the_best_checkpoints_stay(tmp_path):
    folder = CheckpointFolder(tmp_path / "c", keep_last=2)
    for step in range(1, 7):
        folder.save(step, _touch, best=step == 2)
    assert [p.name for p in folder.all()] == ["step_00000002", "step_00000005", "step_00000006"]
    assert (tmp_path / "c" / "best").resolve().name == "step_00000002"
    assert folder.last() == (tmp_path / "c" / "last").resolve()


def test_an_interrupted_save_leaves_the_old_state(tmp_path):
    folder = CheckpointFolder(tmp_path, keep_last=2)
    folder.save(1, _touch, best=False)

    def fail(partial):
        (partial / "half").write_text("x")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        folder.save(2, fail, best=False)
    assert folder.last().name == "step_00000001"
    folder.save(3, _touch, best=False)
    assert not list(tmp_path.glob(".*.part")), "the half-written folder is cleared away"


def test_seeds_differ_by_step_process_and_run():
    seeds = {random_seed(s, n, r) for s in range(3) for n in range(20) for r in range(3)}
    assert len(seeds) == 180
    assert random_seed(1, 2, 1) == random_seed(1, 2, 1)


def test_the_guard_skips_goes_back_and_gives_up():
    guard = Guard(patience=2)
    assert guard.judge(True, []) == "good"
    for _ in range(3):
        assert guard.judge(False, ["a.wav"]) == "skip"
        assert guard.judge(False, ["a.wav"]) == "back"
    assert guard.judge(False, ["a.wav"]) == "skip"
    with pytest.raises(SecoustiError, match=r"b\.wav"):
        guard.judge(False, ["b.wav"])


def test_a_good_step_between_bad_ones_starts_the_count_again():
    guard = Guard(patience=2)
    assert [guard.judge(ok, []) for ok in (False, True, False)] == ["skip", "good", "skip"]


def test_a_resumed_csv_loses_the_rows_of_the_future(tmp_path):
    path = tmp_path / "metrics.csv"
    tracker = CsvTracker(path, 0)
    for step in range(1, 5):
        tracker.scalars(step, {"loss": 1 / step})
    tracker.close()
    tracker = CsvTracker(path, 2)
    tracker.scalars(3, {"loss": 9.0})
    tracker.close()
    rows = path.read_text().split()
    assert rows == ["step,name,value", "1,loss,1.0", "2,loss,0.5", "3,loss,9.0"]


def test_a_resume_that_does_nothing_shortens_nothing(tmp_path):
    path = tmp_path / "metrics.csv"
    tracker = CsvTracker(path, 0)
    for step in range(1, 5):
        tracker.scalars(step, {"loss": 1 / step})
    tracker.rewind(2)  # the run goes back after steps that were not finite
    tracker.scalars(3, {"loss": 7.0})
    tracker.scalars(3, {"valid": 8.0})
    tracker.close()
    whole = path.read_text()
    assert whole.split()[3:] == ["3,loss,7.0", "3,valid,8.0"]
    CsvTracker(path, 1).close()  # killed before its first step
    assert path.read_text() == whole
    with path.open("a") as file:
        file.write("4,lo")  # cut off by a full disk
    tracker = CsvTracker(path, 3)
    tracker.scalars(4, {"loss": 9.0})
    tracker.close()
    assert path.read_text() == whole + "4,loss,9.0\n"


def test_meter_means_survive_a_restart():
    meter, other = Meter(), Meter()
    meter.add({"a": 1.0})
    other.load(meter.state())
    other.add({"a": 4.0, "b": 2.0})
    assert other.take() == {"a": 2.5, "b": 2.0}
    assert other.take() == {}


def test_unknown_trackers_are_refused(tmp_path):
    with pytest.raises(SecoustiError, match="unknown tracker 'mlflow'"):
        open_trackers(["mlflow"], tmp_path, 0, {})


def test_tensorboard_receives_numbers_sound_and_pictures(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trackers = open_trackers(["tensorboard"], tmp_path, 0, {})
    for tracker in trackers:
        tracker.scalars(1, {"loss": 2.0})
        tracker.audio(1, "sound", np.zeros(800, np.float32), 8000)
        tracker.image(1, "mel", mel_picture([np.zeros((80, 20), np.float32)]))
        tracker.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert (tags["scalars"], tags["audio"], tags["images"]) == (["loss"], ["sound"], ["mel"])


def test_wandb_works_without_a_network(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    trackers = open_trackers(["wandb"], tmp_path / "run", 0, {"a": 1})
    for tracker in trackers:
        tracker.scalars(1, {"loss": 2.0})
        tracker.close()
    assert list((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))
    (tmp_path / "other" / "run").mkdir(parents=True)
    ids = {_run_id(folder) for folder in (tmp_path / "run", tmp_path / "other" / "run")}
    assert len(ids) == 2, "two folders of one name are two runs"
    assert _run_id(tmp_path / "run") in ids


def test_wandb_without_a_login_is_one_sentence(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")

    def init(**options):
        raise wandb.Error("No API key configured")

    monkeypatch.setattr(wandb, "init", init)
    with pytest.raises(SecoustiError, match=r"No API key.*'wandb login', set WANDB_MODE=offline"):
        open_trackers(["wandb"], tmp_path / "run", 0, {})


def test_a_picture_shows_low_bands_below_and_loud_parts_bright():
    mel = np.full((80, 10), -11.5, np.float32)
    mel[0] = 2.0
    pixels = mel_picture([mel, mel], zoom=2)
    assert pixels.shape == (2 * 160 + 2, 20, 3)
    assert pixels[159].mean() > 200 > 10 > pixels[0].mean()
    assert math.isfinite(pixels.mean())


def test_gradients_are_clipped_as_pytorch_clips_them_in_a_few_calls():
    torch.manual_seed(0)
    for limit in (0.5, 1e6, float("inf")):
        ours = [torch.nn.Parameter(torch.zeros(n, 3)) for n in range(1, 30)]
        theirs = [torch.nn.Parameter(torch.zeros(n, 3)) for n in range(1, 30)]
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        ours.append(torch.nn.Parameter(torch.zeros(2)))  # no loss has reached it
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            norm = clip_gradients(ours, limit)
        assert torch.equal(norm, torch.nn.utils.clip_grad_norm_(theirs, limit))
        assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours, theirs, strict=False))
        assert sum(event.cpu_parent is None for event in profiler.events()) < 15
