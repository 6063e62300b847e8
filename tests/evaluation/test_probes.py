"""Probes on representations whose knowledge is known, and Fig. 5 on a toy model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from secousti.errors import SecoustiError
from secousti.evaluation.datasets import DataConfig, Utterance
from secousti.evaluation.probe_report import probe_all, run_probes
from secousti.evaluation.probes import (
    Representation,
    frame_labels,
    linear_probe,
    nearest_phoneme,
    split_utterances,
)
from secousti.evaluation.suite import Suite
from secousti.evaluation.voices import run_voices
from tests.toy import toy_codec

pytest.importorskip("sklearn")
PHONES = ("AA1", "S", "T")


def known(index: int, rng: np.random.Generator) -> tuple[Utterance, Representation]:
    """S knows the phoneme only, G the speaker only, A both."""
    speaker, order = index % 4, rng.integers(0, 3, 30)
    phones = tuple((k * 0.1, (k + 1) * 0.1, PHONES[p]) for k, p in enumerate(order))
    semantic = 3 * np.eye(3)[order] + rng.normal(size=(30, 3))
    voice = 4 * np.eye(4)[speaker] + rng.normal(size=4)
    acoustic = np.concatenate([semantic, np.tile(voice, (30, 1))], axis=1)
    utterance = Utterance(str(index), Path(), f"s{speaker}", phones=phones)
    return utterance, Representation(semantic, acoustic, voice, 10.0)


def test_probes_find_what_each_part_knows_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    pairs = [known(index, rng) for index in range(64)]
    report = probe_all("m", [u for u, _ in pairs], [r for _, r in pairs])
    speaker, phoneme = report.probes["speaker"], report.probes["phoneme"]
    assert speaker["G"].accuracy > 0.9
    assert speaker["A"].accuracy > 0.9
    assert speaker["S"].accuracy < 0.5
    assert phoneme["S"].accuracy > 0.85
    assert phoneme["G"].bits < 0.05
    assert phoneme["S"].bits > 0.8
    assert phoneme["S"].entropy == pytest.approx(np.log2(3), abs=0.05)
    assert report.retrieval["S"] > 0.8
    assert "emotion" in report.skipped


def test_frames_take_the_label_at_their_middle() -> None:
    utterance = Utterance("u", Path(), "s", phones=((0.0, 0.25, "AA1"), (0.25, 0.4, "S")))
    frames = Representation(np.zeros((5, 1)), np.zeros((5, 1)), np.zeros(1), 10.0)
    assert frame_labels(utterance, frames) == ["AA", "AA", "S", "S", ""]


def test_every_label_is_on_both_sides_of_the_split() -> None:
    labels = ["a"] * 5 + ["b"] * 2
    train = split_utterances(labels)
    assert train[:5].sum() == 3
    assert train[5:].sum() == 1


def test_a_probe_of_one_label_is_an_error() -> None:
    with pytest.raises(SecoustiError, match="at least two labels"):
        linear_probe(np.zeros((4, 2)), ["a"] * 4, np.array([True, False] * 2))


def test_the_nearest_centroid_is_found() -> None:
    features = np.repeat(np.eye(3), 4, axis=0)
    labels = [p for p in PHONES for _ in range(4)]
    assert nearest_phoneme(features, labels, np.tile([True, False], 6)) == 1.0


def test_both_tasks_run_on_a_model(corpus: Path, tmp_path: Path) -> None:
    for package in ("matplotlib", "librosa", "scipy"):
        pytest.importorskip(package)
    toy_codec().save_pretrained(tmp_path / "toy")
    suite = Suite(
        data=DataConfig(str(corpus)), codecs=("reference", str(tmp_path / "toy")), voices=2
    )
    (report,) = run_probes(suite, tmp_path / "p", device="cpu", tick=lambda: None)
    assert set(report.probes) == {"speaker", "emotion"}
    assert "data_prep align" in report.skipped["phoneme"]
    assert "toy" in (tmp_path / "p" / "probes.md").read_text()
    assert (tmp_path / "p" / "probes-toy.png").stat().st_size > 1000
    written = run_voices(suite, tmp_path / "v", device="cpu")
    assert [path.suffix for path in written] == [".md", ".png", ".flac", ".flac"]
