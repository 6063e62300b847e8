"""Two processes give the curve of one that holds the whole batch."""

from __future__ import annotations

import subprocess
import sys

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


def _launch(config, *changes):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--standalone", "-m", "train", str(config), *changes]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=REPO, env=environment(), **pipes)


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


def _close(first, second):
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert value == pytest.approx(second[key], rel=2e-4, abs=1e-6), key


def test_two_processes_equal_one(config, tmp_path):
    runs = {name: tmp_path / name for name in ("one", "two")}
    half = "training.data.batch_size=2"
    finish(train(config, f"training.run.output={runs['one']}"))
    finish(_launch(config, f"training.run.output={runs['two']}", half))
    reference = losses(runs["one"])
    assert {name for _, name in reference} >= {"train/mel", "train/contrastive", "train/acoustic"}
    _close(reference, losses(runs["two"]))
    _close(losses(runs["one"], "valid"), losses(runs["two"], "valid"))
