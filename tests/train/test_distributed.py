"""Two processes give the curve of one that holds the whole batch, replicated (DDP) or sharded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.train.corpus import (
    REPO,
    environment,
    finish,
    losses,
    toy_document,
    train,
    write_config,
    write_corpus,
)

DDP, FSDP = ["-m", "train"], ["tests/train/sharded.py"]
HALF = "training.data.batch_size=2"


def _launch(program: list[str], config: Path, *changes: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--standalone", *program, str(config), *changes]
    return subprocess.Popen(
        command,
        cwd=REPO,
        env=environment() | {"PYTHONPATH": str(REPO)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Every crop is whole and nothing depends on the process: noise off, batch norms frozen."""
    folder = tmp_path_factory.mktemp("corpus")
    document = toy_document(folder, write_corpus(folder))
    document["training"]["data"]["crop_seconds"] = 0.37
    document["training"]["objective"] |= {"sample": False, "gather": True}
    document["training"]["freeze"] = ["paralinguistic"]
    document["training"]["calibrate"] = False
    return write_config(folder, document)


@pytest.fixture(scope="module")
def one(config):
    """The run of a single process."""
    run = config.parent / "one"
    finish(train(config, f"training.run.output={run}"))
    return run


def _close(first, second):
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert value == pytest.approx(second[key], rel=2e-4, abs=1e-6), key


def test_two_processes_equal_one(config, one, tmp_path):
    finish(_launch(DDP, config, f"training.run.output={tmp_path}", HALF))
    reference = losses(one)
    assert {name for _, name in reference} >= {"train/mel", "train/contrastive", "train/acoustic"}
    _close(reference, losses(tmp_path))
    _close(losses(one, "valid"), losses(tmp_path, "valid"))


def test_muon_is_refused_under_fsdp_by_every_process(config, tmp_path):
    run = _launch(FSDP, config, f"training.run.output={tmp_path}", "training.optim.name=muon")
    printed = run.communicate(timeout=900)[0]
    assert run.returncode != 0
    assert "muon updates whole matrices, which FSDP cuts up: set training.optim.name" in printed


def _stop_after(process: subprocess.Popen[str], run: Path, step: int) -> None:
    """SIGTERM once ``step`` is in the log."""
    csv, deadline = run / "metrics.csv", time.monotonic() + 900
    while time.monotonic() < deadline and process.poll() is None:
        if csv.exists() and f"\n{step}," in csv.read_text():
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=900)


def test_sharded_processes_equal_one_and_continue(config, one, tmp_path):
    changes = (f"training.run.output={tmp_path}", HALF)
    _stop_after(_launch(FSDP, config, *changes), tmp_path, step=10)
    state = json.loads((tmp_path / "checkpoints" / "last" / "state.json").read_text())
    assert state["open"], "it stopped in the middle of stage 2, with a checkpoint"
    assert state["step"] >= 10
    finish(_launch(FSDP, config, *changes))
    _close(losses(one), losses(tmp_path))
    _close(losses(one, "valid"), losses(tmp_path, "valid"))
