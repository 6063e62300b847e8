"""Our metrics against their reference implementations, on the same signals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from secousti.evaluation.audio import Audio
from secousti.evaluation.cache import Cache
from secousti.evaluation.metrics import Sample, Undefined, make_metric
from secousti.evaluation.metrics.distortion import power_spectrogram
from secousti.evaluation.metrics.recognisers import Recogniser
from secousti.evaluation.metrics.recognition import edit_count, units
from tests.evaluation.conftest import ready


@pytest.fixture
def pair(speech: Audio) -> Sample:
    noise = 0.02 * np.random.default_rng(0).standard_normal(len(speech.samples))
    return Sample(Audio(speech.samples + noise.astype(np.float32), 16000), speech)


def test_pesq_and_stoi_are_the_packages_own(pair: Sample) -> None:
    pesq, pystoi = pytest.importorskip("pesq"), pytest.importorskip("pystoi")
    reference, degraded = pair.source().samples, pair.degraded.samples
    assert make_metric("pesq").score(pair).value == pytest.approx(
        pesq.pesq(16000, reference, degraded, "wb")
    )
    assert make_metric("estoi").score(pair).value == pytest.approx(
        pystoi.stoi(reference, degraded, 16000, extended=True)
    )


def test_si_sdr_is_torchmetrics(pair: Sample) -> None:
    audio = pytest.importorskip("torchmetrics.functional.audio")
    expected = audio.scale_invariant_signal_distortion_ratio(
        torch.from_numpy(pair.degraded.samples), torch.from_numpy(pair.source().samples), True
    )
    assert make_metric("si_sdr").score(pair).value == pytest.approx(float(expected), abs=0.01)


def test_mcd_is_the_reference_packages_up_to_its_unit(pair: Sample) -> None:
    computation = pytest.importorskip("mel_cepstral_distance.computation")
    from librosa.filters import mel

    bank = mel(sr=16000, n_fft=1024, n_mels=80)
    cepstra = []
    for signal in pair.pair(16000):
        bel = np.log10(np.maximum(power_spectrogram(signal, 1024, 256) @ bank.T, 1e-10))
        cepstra.append(computation.get_MC_X_ik(bel, 80))
    theirs = computation.get_average_MCD(computation.get_MCD_k(*cepstra, 0, 13))
    # theirs sums over bands in bel, ours is Kubichek's distance in dB: 10 sqrt(2) / 80 between
    assert make_metric("mcd").score(pair).value == pytest.approx(10 * 2**0.5 / 80 * theirs)


def test_dnsmos_is_the_packages_own(pair: Sample) -> None:
    ready("dnsmos")
    dnsmos = pytest.importorskip("speechmos.dnsmos")
    expected = dnsmos.run(np.clip(pair.degraded.samples, -1, 1), 16000)
    assert make_metric("dnsmos").score(pair).value == pytest.approx(float(expected["ovrl_mos"]))
    assert make_metric("dnsmos_p808").score(pair).value == pytest.approx(
        float(expected["p808_mos"])
    )


def test_speaker_similarity_is_resemblyzers_cosine(pair: Sample) -> None:
    resemblyzer = pytest.importorskip("resemblyzer")
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    one, other = (
        encoder.embed_utterance(resemblyzer.preprocess_wav(a.samples))
        for a in (pair.source(), pair.degraded)
    )
    assert make_metric("speaker_similarity").score(pair).value == pytest.approx(
        float(one @ other), abs=1e-4
    )


def test_visqol_needs_its_lattice_and_knows_identical(speech: Audio) -> None:
    metric = ready("visqol")
    assert metric.score(Sample(speech, speech)).value > 4.2


def test_lsd_is_its_formula(pair: Sample) -> None:
    spectra = [
        torch.stft(
            torch.from_numpy(x).double(),
            1024,
            256,
            window=torch.hann_window(1024, dtype=torch.float64),
            center=False,
            return_complex=True,
        ).abs()
        ** 2
        for x in (pair.source().samples, pair.degraded.samples)
    ]
    logs = [torch.log10((s / 384).clamp_min(1e-10)) for s in spectra]
    expected = ((logs[0] - logs[1]) ** 2).mean(0).sqrt().mean()
    assert make_metric("lsd").score(pair).value == pytest.approx(float(expected), rel=1e-4)


class Parrot(Recogniser):
    """Hears what its model says, whatever the audio; empty when the audio is silent."""

    name = "parrot"
    requires = ()
    languages = ("en",)

    def transcribe(self, samples: np.ndarray, language: str) -> str:
        return "one three" if samples.any() else ""

    def versions(self) -> list[str]:
        return ["parrot"]


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jiwer")
    from secousti.evaluation.metrics import recognisers

    monkeypatch.setitem(recognisers.RECOGNISERS, "parrot", Parrot)


@pytest.mark.usefixtures("parrot")
def test_error_rates_of_a_known_transcript(speech: Audio) -> None:
    silent = Audio(np.zeros_like(speech.samples), 16000)
    cases = [
        ("wer", speech, 50.0, 2),
        ("wer", silent, 100.0, 2),
        ("wer_increase", speech, 0.0, 2),
        ("wer_increase", silent, 50.0, 2),
        ("dwer", silent, 100.0, 2),
        ("dwer", speech, 0.0, 2),
    ]
    for name, degraded, expected, words in cases:
        metric = make_metric(name, recogniser="parrot", model="x")
        score = metric.score(Sample(degraded, speech, text="One, two!"))
        assert (score.value, score.weight) == (expected, words), name


@pytest.mark.usefixtures("parrot")
def test_error_rates_without_text_or_language_are_told(speech: Audio) -> None:
    metric = make_metric("wer", recogniser="parrot", model="x")
    with pytest.raises(Undefined, match="text of this utterance"):
        metric.score(Sample(speech, speech))
    with pytest.raises(Undefined, match="does not know the language 'zh'"):
        metric.score(Sample(speech, speech, text="你好", language="zh"))


@pytest.mark.usefixtures("parrot")
def test_a_transcript_is_made_once(speech: Audio, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache()
    sample = Sample(speech, speech, text="one two")
    make_metric("wer", cache, recogniser="parrot", model="x").score(sample)
    monkeypatch.setattr(Parrot, "transcribe", lambda *a: pytest.fail("transcribed twice"))
    make_metric("cer", cache, recogniser="parrot", model="x").score(sample)


def test_units_forget_case_and_punctuation() -> None:
    assert units("He's HERE, isn’t he? 'Yes'", "word") == ["he's", "here", "isn't", "he", "yes"]
    assert units("你好，世界！", "character") == ["你", "好", "世", "界"]


def test_edits_are_counted() -> None:
    pytest.importorskip("jiwer")
    assert edit_count(["a", "b", "c"], ["a", "x", "c", "d"]) == 2
    assert edit_count(["a", "b"], []) == 2


def test_pocketsphinx_does_not_remember_the_last_utterance(speech_root: object) -> None:
    metric = ready("wer")
    from pathlib import Path

    from secousti.evaluation.audio import read_audio

    files = sorted((Path(str(speech_root)) / "speechocean762" / "so762_0120").glob("*.opus"))[:2]
    sounds = [read_audio(path) for path in files]
    forward = [metric._recogniser.transcribe(a.at(16000), "en") for a in sounds]
    backward = [metric._recogniser.transcribe(a.at(16000), "en") for a in sounds[::-1]]
    assert forward == backward[::-1]
    assert all(forward)


def test_moonshine_hears_words_and_does_not_remember_the_last_utterance() -> None:
    pytest.importorskip("moonshine_voice")
    from pathlib import Path

    from secousti.evaluation.audio import Audio, read_audio
    from secousti.evaluation.metrics.base import Sample, Undefined

    metric = ready("wer", recogniser="moonshine")
    whole = read_audio(Path(__file__).parents[2] / "examples" / "speech.wav")
    sounds = [whole, Audio(whole.samples[: len(whole.samples) // 2], whole.rate)]
    forward = [metric._recogniser.transcribe(a.at(16000), "en") for a in sounds]
    backward = [metric._recogniser.transcribe(a.at(16000), "en") for a in sounds[::-1]]
    assert forward == backward[::-1]
    assert metric.score(Sample(whole, text=forward[0])).value == 0
    with pytest.raises(Undefined, match="moonshine does not know the language 'zh'"):
        metric.score(Sample(whole, text="你好", language="zh"))
