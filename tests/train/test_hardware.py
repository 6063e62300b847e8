"""bf16, gradient accumulation and torch.compile: the same training, cheaper."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from secousti.acoustic.transformer import TransformerLayer
from secousti.config import from_dict
from tests.train.corpus import losses, toy_document, write_corpus
from train.codec.batches import Batch
from train.codec.config import Config
from train.codec.setup import training_data
from train.codec.task import CodecTask, train
from train.engine.run import Run


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Both stages in ten steps, without noise."""
    folder = tmp_path_factory.mktemp("corpus")
    document = toy_document(folder, write_corpus(folder))
    document["training"]["data"]["crop_seconds"] = 0.37
    document["training"]["objective"]["sample"] = False
    document["training"]["schedule"] |= {"stage1_end": 5, "total_steps": 10}
    for kl in ("kl_semantic", "kl_para"):
        document["training"]["schedule"][kl] = {"start": 6, "end": 8}
    return from_dict(Config, document)


@pytest.fixture(autouse=True)
def _leave_no_precision_behind():
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def _run(config, folder, optim=None, **run):
    training = config.training
    changed = replace(training.run, output=str(folder), **run)
    training = replace(training, run=changed, optim=replace(training.optim, **(optim or {})))
    AcceleratorState._reset_state(reset_partial_state=True)  # a process has one precision
    train(replace(config, training=training))
    return losses(folder)


@pytest.fixture(scope="module")
def plain(config, tmp_path_factory):
    """The losses of the run without any of it."""
    return _run(config, tmp_path_factory.mktemp("plain"))


def test_bf16_stays_close_and_keeps_float32_weights(config, plain, tmp_path):
    found = _run(config, tmp_path, mixed_precision="bf16")
    assert found.keys() == plain.keys()
    for (step, name), value in plain.items():
        if name in ("train/mel", "train/acoustic", "train/token_mel"):
            assert found[step, name] == pytest.approx(value, rel=0.1), (step, name)
    assert found != plain
    weights = load_file(tmp_path / "checkpoints" / "last" / "objective.safetensors")
    assert {t.dtype for t in weights.values() if t.is_floating_point()} == {torch.float32}


@pytest.fixture
def compiling(monkeypatch):
    """Dynamo's graphs and their gradients; the machine code of Inductor takes a minute to make."""

    def compile(self: TransformerLayer) -> None:
        torch.nn.Module.compile(self, backend="aot_eager")

    monkeypatch.setattr(TransformerLayer, "compile", compile)
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def test_a_compiled_run_stops_and_goes_on_and_saves_plain_weights(
    config, compiling, tmp_path, monkeypatch
):
    training = config.training
    schedule = replace(training.schedule, stage1_end=2, total_steps=4)
    data = replace(training.data, valid=(), crop_seconds=1.0)  # longer than some recordings
    config = replace(config, training=replace(training, schedule=schedule, data=data))
    plain = _run(config, tmp_path / "plain")
    whole = _run(config, tmp_path / "whole", compile=True)
    stops = {3}
    monkeypatch.setattr(Run, "_any_stops", lambda run: run.at.step in stops)
    assert max(step for step, _ in _run(config, tmp_path / "halves", compile=True)) == 3
    assert not (tmp_path / "halves" / "codec").exists()
    stops.clear()
    shutil.copytree(tmp_path / "halves", tmp_path / "mixed")
    assert _run(config, tmp_path / "halves", compile=True) == whole
    mixed = _run(config, tmp_path / "mixed")  # begun compiled, ended without
    assert plain.keys() == whole.keys() == mixed.keys()
    for key, value in plain.items():  # batch norms count the padding of whole crops
        assert whole[key] == pytest.approx(value, rel=0.02, abs=1e-5), key
        assert mixed[key] == pytest.approx(whole[key], rel=0.02, abs=1e-5), key
    names = [
        load_file(tmp_path / run / "codec" / "model.safetensors").keys()
        for run in ("plain", "whole", "halves", "mixed")
    ]
    assert names[0] == names[1] == names[2] == names[3]


def test_every_batch_of_a_compiled_run_has_one_shape(config):
    training = config.training
    data = replace(training.data, crop_seconds=1.0)
    for compile in (False, True):
        run = replace(training.run, compile=compile)
        made = training_data(replace(config, training=replace(training, data=data, run=run)), 0, 1)
        shapes = {
            (batch.audio.shape, batch.window.shape, batch.phonemes.shape)
            for batch in (made[position] for position in range(12))
        }
        assert (len(shapes) == 1) == compile


def test_compiled_training_is_the_same(config, tmp_path, monkeypatch):
    """Dynamo's graphs and their gradients; the machine code of Inductor takes a minute to make."""
    training = config.training
    schedule = replace(training.schedule, stage1_end=1, total_steps=2)
    data = replace(training.data, valid=())
    config = replace(config, training=replace(training, schedule=schedule, data=data))
    plain = _run(config, tmp_path / "plain")
    calls = []

    def compile(self: TransformerLayer) -> None:
        calls.append(1)
        torch.nn.Module.compile(self, backend="aot_eager")

    monkeypatch.setattr(TransformerLayer, "compile", compile)
    torch._dynamo.reset()
    found = _run(config, tmp_path / "compiled", compile=True)
    assert calls
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert found.keys() == plain.keys()
    for key, value in plain.items():
        assert found[key] == pytest.approx(value, rel=1e-3, abs=1e-5), key


def test_accumulated_halves_are_the_gradient_of_the_whole(config):
    data = training_data(config, 0, 1)
    batch = data[0]
    halves = [_rows(batch, slice(0, 2)), _rows(batch, slice(2, 4))]
    assert batch.lengths.unique().numel() == 1
    whole, parts = (_task(config) for _ in range(2))
    whole.backward(batch, {"mel": 1.0}, 1.0, last=True)
    for half, last in zip(halves, (False, True), strict=True):
        parts.backward(half, {"mel": 1.0}, 0.5, last)
    for one, other in zip(whole.learner.parameters, parts.learner.parameters, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)


def _task(config):
    task = CodecTask(config)
    task.open(task.stage(1))
    return task


def _rows(batch, rows):
    values = {f.name: getattr(batch, f.name) for f in fields(Batch)}
    return Batch(**{name: None if v is None else v[rows] for name, v in values.items()})


def test_a_step_of_two_micro_batches_reads_two_positions(config, tmp_path):
    found = _run(config, tmp_path, optim={"accumulate": 2})
    assert {step for step, _ in found} == set(range(1, 11))
    state = json.loads((tmp_path / "checkpoints" / "last" / "state.json").read_text())
    assert (state["step"], state["position"]) == (10, 20)
