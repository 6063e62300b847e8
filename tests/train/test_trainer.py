"""Faults during training: bad steps are named, skipped, and survived by going back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from torch.utils._python_dispatch import TorchDispatchMode

from secousti.config import from_dict
from secousti.errors import SecoustiError
from tests.train.corpus import finish, losses, toy_document, write_config, write_corpus
from tests.train.corpus import train as process
from train.codec.config import Config, OptimConfig
from train.codec.objective import Objective
from train.codec.setup import build_objective, training_data
from train.codec.task import CodecTask, train
from train.engine.lookout import Lookout
from train.engine.optim import build_optimizer, refuse_if
from train.engine.run import Run


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return from_dict(Config, toy_document(folder, write_corpus(folder)))


def _in(config, folder, **run):
    changed = replace(config.training.run, output=str(folder), **run)
    return replace(config, training=replace(config.training, run=changed))


class _Poison:
    """Makes the losses of chosen calls NaN."""

    def __init__(self, monkeypatch, calls):
        self.seen, self.calls = 0, set(calls)
        original = Objective.losses

        def losses(objective, batch, weights):
            self.seen += 1
            out = original(objective, batch, weights)
            if self.seen in self.calls:
                out["loss"] = out["loss"] * float("nan")
            return out

        monkeypatch.setattr(Objective, "losses", losses)


def _events(folder):
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_a_bad_batch_is_named_and_skipped(config, tmp_path, monkeypatch):
    _Poison(monkeypatch, [5])
    train(_in(config, tmp_path))
    (event,) = _events(tmp_path)
    assert (event["event"], event["step"], event["verdict"]) == ("not finite", 5, "skip")
    assert len(event["batch"]) == 4
    assert all(name.endswith(".wav") for name in event["batch"])
    values = losses(tmp_path)
    assert {step for step, _ in values} == set(range(1, 17))
    assert all(torch.tensor(list(values.values())).isfinite())


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_losses_looked_at_late_are_the_same_run(config, tmp_path, optimizer):
    optim = replace(config.training.optim, name=optimizer)
    config = replace(config, training=replace(config.training, optim=optim))
    runs = {every: tmp_path / str(every) for every in (1, 5)}
    for every, folder in runs.items():
        train(_in(config, folder, look_every=every, log_every=5))
    assert losses(runs[1]) == losses(runs[5])
    weights = [folder / "codec" / "model.safetensors" for folder in runs.values()]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_bad_step_seen_late_has_changed_nothing(config, tmp_path, monkeypatch, optimizer):
    optim = replace(config.training.optim, name=optimizer)
    config = replace(config, training=replace(config.training, optim=optim))
    _Poison(monkeypatch, [6])
    train(_in(config, tmp_path, look_every=5, log_every=5))
    (event,) = _events(tmp_path)
    assert (event["event"], event["step"], event["verdict"]) == ("not finite", 6, "skip")
    values = losses(tmp_path)
    assert max(step for step, _ in values) == 16
    assert all(torch.tensor(list(values.values())).isfinite())
    with safe_open(tmp_path / "codec" / "model.safetensors", "pt") as file:
        assert all(file.get_tensor(name).isfinite().all() for name in file.keys())  # noqa: SIM118


def test_a_bad_update_leaves_adam_as_it_was():
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = build_optimizer([weight], OptimConfig(name="adamw", lr=0.1))
    for bad in (False, True):
        before = weight.detach().clone()
        weight.grad = torch.full((3,), float("nan") if bad else 1.0)
        refuse_if(optimizer, torch.tensor(bad))
        optimizer.step()
        assert torch.equal(weight, before) == bad
    assert optimizer.state[weight]["step"] == 1


class _Waits(TorchDispatchMode):
    """Counts what a GPU would have to finish its work for."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name()
        if name in ("aten::_local_scalar_dense", "aten::nonzero", "aten::equal"):
            self.calls.append(name)
        return func(*args, **(kwargs or {}))


def test_a_step_waits_for_the_device_only_where_it_is_looked_at(config, tmp_path, monkeypatch):
    quiet = {"trackers": (), "validate_every": 99, "save_every": 99, "log_every": 5}
    task = CodecTask(_in(config, tmp_path, look_every=5, **quiet))
    run, looks = Run(task), []
    look, one = Lookout.look, Run._one_step
    monkeypatch.setattr(Lookout, "look", lambda self: looks.append(run.at.step) or look(self))
    waits = []

    def watched(self, data, clock):
        with _Waits() as mode:
            verdict = one(self, data, clock)
        waits.append(len(mode.calls))
        return verdict

    monkeypatch.setattr(Run, "_one_step", watched)
    run.train()
    ends = [stage.last_step for stage in task.stages]
    assert looks == sorted({*range(5, 17, 5), *ends})
    assert max(waits) <= 2  # the seed and the seconds of audio: both lie on the CPU


def test_bad_steps_in_a_row_go_back_to_the_last_checkpoint(config, tmp_path, monkeypatch):
    _Poison(monkeypatch, [5, 6])
    train(_in(config, tmp_path, patience=2))
    assert [event["verdict"] for event in _events(tmp_path)] == ["skip", "back"]
    state = json.loads((tmp_path / "checkpoints" / "last" / "state.json").read_text())
    assert state["step"] == 16
    # 16 good steps, 2 bad ones, and step 4 again after returning to the checkpoint of step 3.
    assert state["position"] == 19


def test_a_hopeless_run_stops_with_a_sentence(config, tmp_path, monkeypatch):
    _Poison(monkeypatch, range(4, 100))
    with pytest.raises(SecoustiError, match="not finite, again"):
        train(_in(config, tmp_path, patience=1))


def test_the_best_checkpoint_is_the_one_with_the_least_mel_error(config, tmp_path):
    train(_in(config, tmp_path, validate_every=2, keep_last=1))
    values = losses(tmp_path, "valid")
    errors = {step: v for (step, name), v in values.items() if name == "valid/token_mel"}
    best = (tmp_path / "checkpoints" / "best").resolve()
    assert best.name == f"step_{min(errors, key=errors.get):08d}"


def test_frozen_modules_stay_frozen_batch_norms_included(config, tmp_path):
    task = CodecTask(_in(config, tmp_path))
    before = {n: t.clone() for n, t in task.objective.codec.state_dict().items()}
    schedule = replace(config.training.schedule, total_steps=8)
    other = _in(config, tmp_path / "short")
    other = replace(other, training=replace(other.training, schedule=schedule))
    short = train(other)
    after = short.objective.codec.state_dict()
    changed = {n.split(".")[0] for n, t in before.items() if not torch.equal(t, after[n])}
    assert changed == {"encoder", "acoustic_projection", "decoder"}


def test_calibration_gives_the_encoder_mels_of_unit_deviation(config):
    data = training_data(config, 0, 1)
    plain = replace(config, training=replace(config.training, calibrate=False))
    models = {c: build_objective(cfg, data) for c, cfg in (("on", config), ("off", plain))}
    batch = data[0]
    mel, mask, _ = models["on"].features(batch)
    values = mel.transpose(1, 2)[mask]
    scaled = ((mel.mT - values.mean(0)) / values.std(0).clamp(min=1e-3)).mT
    conv = {c: m.codec.encoder.layers.layers[0].conv for c, m in models.items()}
    torch.testing.assert_close(conv["on"](mel), conv["off"](scaled), rtol=1e-3, atol=1e-3)


def test_without_a_login_to_wandb_nothing_trains_and_one_sentence_says_why(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    for name in ("WANDB_API_KEY", "WANDB_MODE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    document = toy_document(tmp_path, write_corpus(tmp_path))
    printed = finish(process(write_config(tmp_path, document), "training.run.trackers=[wandb]"), 1)
    (line,) = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert "run 'wandb login', set WANDB_MODE=offline, or take wandb out of the" in line
    assert "Traceback" not in printed
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_finished_run_says_so_and_bothers_no_tracker(config, tmp_path, monkeypatch, capsys):
    quiet = {"trackers": (), "validate_every": 99}
    train(_in(config, tmp_path, **quiet))
    monkeypatch.setattr(Run, "_trackers", lambda run: pytest.fail("a tracker was opened"))
    train(_in(config, tmp_path, **quiet))
    said = capsys.readouterr().out
    assert "is finished: 16 of 16 steps; raise their number to go on, or choose another" in said
    assert said.count("the codec is in") == 2
