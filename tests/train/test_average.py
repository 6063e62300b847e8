"""The mean of several codecs' weights."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from secousti.codec import SecoustiCodec
from secousti.config import CodecConfig, from_dict
from tests.train.corpus import REPO, toy_document


@pytest.fixture
def codecs(tmp_path):
    """Two codecs of one configuration, and one of another."""
    document = toy_document(tmp_path, tmp_path / "manifest.jsonl")
    config = from_dict(CodecConfig, document["codec"])
    for name, seed, kind in (
        ("a", 0, config),
        ("b", 1, config),
        ("other", 2, replace(config, acoustic_dim=16)),
    ):
        torch.manual_seed(seed)
        SecoustiCodec(kind).save_pretrained(tmp_path / name)
    return tmp_path


def average(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "train.average", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)


def test_every_weight_is_the_mean_whatever_the_order(codecs):
    a, b = codecs / "a", codecs / "b"
    assert average(a, b, "-o", codecs / "ab").returncode == 0
    assert average(b, a, "-o", codecs / "ba").returncode == 0
    one, two, mean = (
        SecoustiCodec.from_pretrained(codecs / n).state_dict() for n in ("a", "b", "ab")
    )
    for name, value in mean.items():
        wanted = (one[name] + two[name]) / 2 if value.is_floating_point() else one[name]
        torch.testing.assert_close(value, wanted)
    again = SecoustiCodec.from_pretrained(codecs / "ba").state_dict()
    assert all(torch.equal(again[name], value) for name, value in mean.items())


def test_codecs_of_two_sizes_or_a_single_one_are_refused_and_nothing_is_written(codecs):
    for given, reason in ((("a", "other"), "one configuration"), (("a",), "at least two")):
        result = average(*(codecs / name for name in given), "-o", codecs / "mean")
        assert result.returncode == 1
        assert reason in result.stderr
        assert not (codecs / "mean").exists()
