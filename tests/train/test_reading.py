"""Training files as they are read: what they leave out, what they lack, what they build on."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from secousti.errors import SecoustiError
from train.codec import config as codec
from train.engine.settings import read_config
from train.p2psyn import config as p2psyn
from train.vocoder import config as vocoder

P2PSYN = {"data": {"root": ".", "train": ["t.jsonl"]}, "run": {"output": "runs/x"}}


def write(path: Path, document: object) -> Path:
    path.write_text(yaml.safe_dump(document), "utf-8")
    return path


@pytest.mark.parametrize("stage", ["pseudo", "receiver"])
@pytest.mark.parametrize("named", ["file", "command"])
def test_one_key_of_a_section_leaves_the_others_as_they_are(tmp_path, stage, named):
    """The stage's optimizer has a schedule of its own, which is not that of its class."""
    whole = getattr(p2psyn.load(write(tmp_path / "whole.yaml", P2PSYN)), stage).optim
    if named == "file":
        changed = write(tmp_path / "part.yaml", {**P2PSYN, stage: {"optim": {"lr": 0.5}}})
        part = p2psyn.load(changed)
    else:
        part = p2psyn.load(tmp_path / "whole.yaml", (f"{stage}.optim.lr=0.5",))
    optim = getattr(part, stage).optim
    assert optim.lr == 0.5
    assert optim.schedule == whole.schedule == "cosine"
    assert (optim.clip, optim.betas) == (whole.clip, whole.betas)
    assert part.teacher.optim == p2psyn.OptimConfig()


def test_when_an_adversary_begins_does_not_say_that_there_is_one(tmp_path):
    training = {
        "data": {"root": ".", "train": ["t.jsonl"]},
        "run": {"output": "runs/x"},
        "schedule": {"adversarial": {"start": 0, "end": 100}, "confusion": {"end": 40_000}},
    }
    schedule = codec.load(write(tmp_path / "file.yaml", {"training": training})).training.schedule
    assert (schedule.adversarial.end, schedule.adversarial.upper) == (100, 0.0)
    assert (schedule.confusion.end, schedule.confusion.upper) == (40_000, 0.0)
    assert schedule.kl_para.upper == 1e-5


def test_a_key_that_is_needed_is_named(tmp_path):
    path = write(tmp_path / "file.yaml", {**P2PSYN, "run": {"seed": 1}})
    with pytest.raises(SecoustiError, match=r"file.yaml.run: 'output' must be given"):
        p2psyn.load(path)
    with pytest.raises(SecoustiError, match=r"file.yaml: 'training' must be given"):
        vocoder.load(write(path, {}))


def test_a_variable_of_a_class_is_no_key(tmp_path):
    @dataclass(frozen=True)
    class Head:
        place: ClassVar[str]
        channels: int = 4

    path = write(tmp_path / "file.yaml", {"channels": 8})
    assert read_config(Head, path).channels == 8
    with pytest.raises(SecoustiError, match="unknown key 'place'; known are channels"):
        read_config(Head, path, ("place=here",))


def test_bases_that_are_none(tmp_path):
    ours, theirs = tmp_path / "ours.yaml", tmp_path / "theirs.yaml"
    write(ours, {"base": "theirs.yaml"})
    write(theirs, {"base": "ours.yaml"})
    with pytest.raises(SecoustiError, match=r"ours.yaml is among its own bases"):
        p2psyn.load(ours)
    with pytest.raises(SecoustiError, match="base: expected the path of a file"):
        p2psyn.load(write(ours, {"base": ["theirs.yaml"]}))
    with pytest.raises(SecoustiError, match="cannot read"):
        p2psyn.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("run.validate_every=0", "run.validate_every must be 1 to"),
        ("run.keep_last=0", "run.keep_last must be 1 to"),
        ("receiver.optim.betas=[0.9]", "optim.betas must be 2 to 2 numbers"),
        ("pseudo.optim.lr=-1", "optim.lr must be 0 to"),
        ("receiver.tokens=0", "receiver.tokens must be 1 to"),
        ("teacher.batch_size=0", "teacher.batch_size must be 1 to"),
    ],
)
def test_numbers_that_would_stop_a_run_later_are_refused_at_once(tmp_path, change, says):
    with pytest.raises(SecoustiError, match=says):
        p2psyn.load(write(tmp_path / "file.yaml", P2PSYN), (change,))
