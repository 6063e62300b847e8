"""Every metric on signals with known answers: identical, silent, delayed, scaled, noisy."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import pytest

from secousti.errors import SecoustiError, install_command
from secousti.evaluation.audio import Audio
from secousti.evaluation.metrics import METRICS, Sample, Undefined, make_metric, metric_class
from tests.evaluation.conftest import ready

BEST = {
    "pesq": 4.64,
    "pesq_nb": 4.55,
    "stoi": 1.0,
    "estoi": 1.0,
    "speaker_similarity": 1.0,
    "lsd": 0.0,
    "mcd": 0.0,
    "msep": 0.0,
    "f0_cents": 0.0,
    "vuv": 0.0,
    "si_sdr": 100.0,
}


def changed(speech: Audio, how: str) -> Audio:
    rng = np.random.default_rng(1)
    x = speech.samples
    kinds = {
        "identical": x,
        "silent": np.zeros_like(x),
        "scaled": 0.5 * x,
        "delayed": np.concatenate([np.zeros(800, np.float32), x[:-800]]),
        "noisy": x + 0.02 * rng.standard_normal(len(x)).astype(np.float32),
        "very noisy": x + 0.1 * rng.standard_normal(len(x)).astype(np.float32),
    }
    return Audio(kinds[how], speech.rate)


def value(name: str, speech: Audio, how: str) -> float:
    return ready(name).score(Sample(changed(speech, how), speech)).value


@pytest.mark.parametrize("name", BEST)
def test_an_identical_recording_has_the_best_value(name: str, speech: Audio) -> None:
    assert value(name, speech, "identical") == pytest.approx(BEST[name], abs=0.011)


@pytest.mark.parametrize("name", ["pesq", "stoi", "estoi", "lsd", "mcd", "si_sdr"])
def test_more_noise_is_worse(name: str, speech: Audio) -> None:
    clean, noisy, very = (value(name, speech, how) for how in ("identical", "noisy", "very noisy"))
    if metric_class(name).direction == "lower":
        clean, noisy, very = -clean, -noisy, -very
    assert clean > noisy > very


@pytest.mark.parametrize("name", ["pesq", "stoi", "estoi", "si_sdr", "msep", "vuv"])
def test_level_does_not_matter_where_the_rule_says_so(name: str, speech: Audio) -> None:
    assert value(name, speech, "scaled") == pytest.approx(BEST[name], abs=0.02)


def test_mcd_leaves_the_level_out_above_the_floor_of_its_logarithm(speech: Audio) -> None:
    loud = changed(speech, "noisy")
    half = Audio(0.5 * loud.samples, loud.rate)
    assert ready("mcd").score(Sample(half, loud)).value == pytest.approx(0.0, abs=1e-3)


def test_lsd_of_a_scaled_recording_is_its_gain(speech: Audio) -> None:
    assert value("lsd", speech, "scaled") == pytest.approx(np.log10(4), abs=0.01)


def test_si_sdr_of_known_noise(speech: Audio) -> None:
    x = speech.samples.astype(np.float64)
    x = x - x.mean()
    noise = np.random.default_rng(0).standard_normal(len(x))
    noise -= noise.mean() + (noise - noise.mean()) @ x / (x @ x) * x
    noise *= np.sqrt(x @ x / (noise @ noise)) / 10
    noisy = Audio((x + noise).astype(np.float32), speech.rate)
    metric = make_metric("si_sdr")
    reference = Audio(x.astype(np.float32), speech.rate)
    assert metric.score(Sample(noisy, reference)).value == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize("name", ["stoi", "si_sdr", "lsd"])
def test_metrics_that_do_not_align_punish_a_delay(name: str, speech: Audio) -> None:
    late, best = value(name, speech, "delayed"), value(name, speech, "identical")
    assert late > best + 0.05 if metric_class(name).direction == "lower" else late < best - 0.05


def test_pesq_aligns_a_delay_itself(speech: Audio) -> None:
    assert value("pesq", speech, "delayed") > 2.5
    assert value("si_sdr", speech, "delayed") < 0


@pytest.mark.parametrize(
    "name", ["pesq", "stoi", "estoi", "si_sdr", "msep", "f0_cents", "speaker_similarity", "dnsmos"]
)
def test_silence_has_no_value_and_says_why(name: str, speech: Audio) -> None:
    metric = ready(name)
    with pytest.raises(Undefined, match=r"undefined"):
        metric.score(Sample(changed(speech, "silent"), speech))


def test_pitch_metrics_of_an_octave(speech: Audio) -> None:
    metric = ready("f0_cents")
    t = np.arange(32000) / 16000

    def tone(f: float) -> Audio:
        wave = sum(np.sin(2 * np.pi * f * k * t) / k for k in range(1, 12))
        return Audio((0.1 * np.asarray(wave)).astype(np.float32), 16000)

    assert metric.score(Sample(tone(240), tone(120))).value == pytest.approx(1200, abs=15)
    assert ready("msep").score(Sample(tone(130), tone(120))).value == pytest.approx(100, rel=0.05)


def test_voicing_mismatch_counts_the_silenced_half(speech: Audio) -> None:
    half = speech.samples.copy()
    half[len(half) // 2 :] = 0
    metric = ready("vuv")
    silent = metric.score(Sample(changed(speech, "silent"), speech)).value
    found = metric.score(Sample(Audio(half, 16000), speech)).value
    assert found == pytest.approx(silent / 2, abs=0.08)


def test_without_a_reference_the_metrics_that_need_one_say_so(speech: Audio) -> None:
    with pytest.raises(Undefined, match="needs the reference"):
        make_metric("lsd").score(Sample(speech))


def test_a_decoded_recording_of_another_rate_and_length_is_fitted(speech: Audio) -> None:
    longer = Audio(np.pad(speech.at(22050), (0, 500)), 22050)
    assert ready("stoi").score(Sample(longer, speech)).value > 0.99


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_its_facts_and_a_cheap_check(name: str) -> None:
    kind = metric_class(name)
    assert kind.name == name
    assert kind.label
    assert kind.direction in ("higher", "lower")
    assert kind.source
    with contextlib.suppress(SecoustiError):  # a sentence, and no other error
        make_metric(name).check()


def test_unknown_names_and_options_are_sentences() -> None:
    with pytest.raises(SecoustiError, match=r"unknown metric 'pesk'; known: pesq"):
        make_metric("pesk")
    with pytest.raises(SecoustiError, match=r"'wer' has no option 'modle'"):
        make_metric("wer", modle="x")


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pesq", None)
    with pytest.raises(SecoustiError, match=re.escape(install_command("eval"))):
        make_metric("pesq").check()


def test_missing_weights_say_what_to_download() -> None:
    for name in ("utmos", "sigmos", "emotion_similarity"):
        with pytest.raises(SecoustiError, match=f"--metric {name}:"):
            make_metric(name).check()
    with pytest.raises(SecoustiError, match="recogniser=whisper,model=PATH"):
        make_metric("wer", recogniser="whisper").check()
