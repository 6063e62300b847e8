"""Probes on representations whose knowledge is known, and Fig. 5 on a toy model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from secousti.errors import SecoustiError
from secousti.evaluation.conversion_probe import PitchFollowing
from secousti.evaluation.datasets import DataConfig, Utterance
from secousti.evaluation.probe_report import run_probes, verdict
from secousti.evaluation.probe_run import ConversionReport, ProbeReport, probe_all
from secousti.evaluation.probes import (
    Probe,
    Representation,
    frame_labels,
    linear_probe,
    most_recorded,
    nearest_phoneme,
    one_hot_digits,
    paired,
    split_utterances,
)
from secousti.evaluation.statistics import Estimate
from secousti.evaluation.suite import Suite
from secousti.evaluation.voices import run_voices
from tests.p2psyn import toy as p2psyn
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


def test_the_digits_of_a_token_lie_side_by_side() -> None:
    """Mixed radix, least significant first: 3 + 2 levels; 4 = digits 1 and 1."""
    rows = one_hot_digits(np.array([0, 4, 5]), (3, 2))
    assert rows.tolist() == [[1, 0, 0, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 0, 1]]
    assert one_hot_digits(np.array([0]), ()) is None


def test_a_speaker_who_is_only_in_how_digits_go_together_is_found() -> None:
    """Every digit of every speaker is a fair coin; only whether two are equal tells them apart."""
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(12 * 8):
        speaker, first = index % 12, rng.integers(0, 2, (60, 4))
        partner = 1 + speaker % 3  # of digit 0
        first[:, partner] = first[:, 0] ^ (speaker // 3 % 2)
        digits = one_hot_digits(first @ (1, 2, 4, 8), (2, 2, 2, 2))
        flat = np.zeros((60, 1))
        pairs.append(
            (
                Utterance(str(index), Path(), f"s{speaker:02d}"),
                Representation(flat, flat, np.zeros(1), 10.0, digits),
            )
        )
    report = probe_all("m", [u for u, _ in pairs], [r for _, r in pairs])
    probes = report.probes["speaker"]
    assert probes["digits"].classes == 12
    assert probes["digits"].accuracy > 0.4  # six kinds of two speakers each
    assert probes["digits"].chance == pytest.approx(1 / 12)
    assert probes["S"].accuracy < 0.2
    assert len(paired(np.eye(4))) == 10


def test_speakers_have_equally_many_recordings() -> None:
    speakers = ["a"] * 9 + ["b"] * 6 + ["c"] * 5 + ["d"]
    chosen = [speakers[i] for i in most_recorded(speakers, 12)]
    assert chosen == ["a"] * 5 + ["b"] * 5 + ["c"] * 5
    assert [speakers[i] for i in most_recorded(speakers, 2)] == ["a"] * 6 + ["b"] * 6


@pytest.mark.parametrize(
    ("accuracy", "classes", "low", "begins"),
    [
        (0.95, 12, -3.0, "Not disentangled: a probe of the digits tells 12 speakers with 95 %"),
        (0.25, 12, 1.0, "Not disentangled: a probe of the digits tells 12 speakers with 25 %"),
        (0.25, 12, -3.0, "Disentangled: "),
        (0.25, 5, -3.0, "Not judged: "),
        (0.25, 12, None, "Not judged: "),
    ],
)
def test_a_codec_is_called_disentangled_only_where_the_probes_allow_it(
    accuracy: float, classes: int, low: float | None, begins: str
) -> None:
    report = ProbeReport("m", {"speaker": {"digits": Probe(accuracy, 1 / 12, 0, 3, classes, 72)}})
    if low is not None:
        share = Estimate(0.5, 0.4, 0.6, 9)
        copy = {"wer_increase": Estimate(2.0, low, 5.0, 9)}
        pitch = PitchFollowing(share, share, share, share, 0)
        report.conversion = ConversionReport(9, pitch, {"copy": copy})
    assert verdict(report).startswith(begins)


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


def test_a_codec_without_voice_is_probed_by_its_code_vectors(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    p2psyn.toy_codec(causal=True).save_pretrained(tmp_path / "tokens")
    suite = Suite(data=DataConfig(str(corpus)), codecs=(str(tmp_path / "tokens"),))
    (report,) = run_probes(suite, tmp_path / "p", device="cpu", tick=lambda: None)
    assert set(report.probes["speaker"]) == {"S"}
    assert report.skipped["conversion"] == "the model has no voice vector"
    assert verdict(report).startswith("Not judged: no speaker probe of the tokens' digits")


def test_both_tasks_run_on_a_model(corpus: Path, tmp_path: Path) -> None:
    for package in ("matplotlib", "librosa", "scipy"):
        pytest.importorskip(package)
    toy_codec().save_pretrained(tmp_path / "toy")
    suite = Suite(
        data=DataConfig(str(corpus)), codecs=("reference", str(tmp_path / "toy")), voices=2
    )
    (report,) = run_probes(suite, tmp_path / "p", device="cpu", tick=lambda: None)
    assert set(report.probes) == {"speaker", "emotion"}
    assert set(report.probes["speaker"]) == {"S", "digits", "G", "A"}
    assert report.conversion is not None or "octave" in report.skipped["conversion"]
    assert "data_prep align" in report.skipped["phoneme"]
    assert "toy" in (tmp_path / "p" / "probes.md").read_text()
    assert (tmp_path / "p" / "probes-toy.png").stat().st_size > 1000
    written = run_voices(suite, tmp_path / "v", device="cpu")
    assert [path.suffix for path in written] == [".md", ".png", ".flac", ".flac"]
