"""The sources that need something from outside, the transcripts, and the confidence."""

from __future__ import annotations

import itertools
import random
import urllib.error
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from data_prep.alignment.base import Aligner, Alignment, Utterance, fill_silences
from data_prep.alignment.calibration import fit_logistic, half_wrong
from data_prep.alignment.combined import TEMPOS, CombinedAligner
from data_prep.alignment.mms import MmsAligner, spelling
from data_prep.alignment.sources import open_source
from data_prep.alignment.sphinx import _times
from data_prep.alignment.transcript import Word, words_of_pronunciation, words_of_text
from data_prep.manifest import read_manifest
from secousti.errors import SecoustiError

LETTERS = "-aienoutsrmkldghybpwcvjzf'qx"


class Speller(nn.Module):
    """A stand-in for the bundle's network: says given letters, each for given frames of 20 ms."""

    def __init__(self, said: list[tuple[str, int]]) -> None:
        super().__init__()
        ids = [LETTERS.index(letter) for letter, count in said for _ in range(count)]
        self.logits = nn.functional.one_hot(torch.tensor(ids), len(LETTERS))[None] * 9.0

    def forward(self, audio: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.logits, None


def test_mms_gives_words_with_phonemes_inside() -> None:
    said = [("-", 5), *((c, 4) for c in "cat"), ("-", 6), *((c, 3) for c in "sun"), ("-", 5)]
    frames = sum(count for _, count in said)
    wav = 0.1 * torch.randn(frames * 320, generator=torch.Generator().manual_seed(0))
    utterance = Utterance.of(wav, 16000, phones=[["K", "AE1", "T"], ["S", "AH1", "N"]])
    utterance.given_words = [
        Word(label, word.pronunciations)
        for label, word in zip(("Cat", "sun"), utterance.given_words, strict=True)
    ]
    found = MmsAligner(Speller(said)).align(utterance)
    assert found.words == [(0.1, 0.34, "Cat"), (0.46, 0.64, "sun")]
    sounds = [p for p in found.phones if p[2] != "sil"]
    assert [p[2] for p in sounds] == ["K", "AE1", "T", "S", "AH1", "N"]
    assert (sounds[0][0], sounds[2][1], sounds[3][0]) == (0.1, 0.34, 0.46)
    assert all(a[1] <= b[0] + 1e-9 for a, b in itertools.pairwise(sounds))
    assert found.confidence > 0.9


def test_mms_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchaudio.pipelines import MMS_FA

    def offline(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(type(MMS_FA), "get_model", offline)
    with pytest.raises(SecoustiError, match=r"could not be downloaded.*--source builtin"):
        open_source("mms")


def test_mandarin_is_spelled_in_pinyin() -> None:
    assert spelling(Word("酒", (("j", "iou3"),))) == "jiu"
    assert spelling(Word("四", (("s", "ii4"),))) == "si"
    assert spelling(Word("don't", (("D",),))) == "don't"
    with pytest.raises(SecoustiError, match="'42'"):
        spelling(Word("42", (("F",),)))


def test_an_unknown_source_is_named() -> None:
    with pytest.raises(SecoustiError, match=r"'praat'.*textgrid"):
        open_source("praat")


def test_words_of_text_keep_spelling_and_have_variants() -> None:
    words = words_of_text("The CAT, sat!", "en")
    assert [word.label for word in words] == ["The", "CAT", "sat"]
    assert ("DH", "IY0") in words[0].pronunciations
    assert ("DH", "AH0") in words[0].pronunciations
    mixed = words_of_text("我说 hello", "mixed")
    assert [word.label for word in mixed] == ["我", "说", "hello"]
    assert mixed[1].pronunciations == (("sh", "uo1"),)
    with pytest.raises(SecoustiError, match="nothing that is spoken"):
        words_of_text("?!", "en")


def test_words_of_a_pronunciation() -> None:
    words = words_of_pronunciation("M_B AA0_I | sil | T_B UW0_E", "MA TO", "en")
    assert words == [Word("MA", (("M", "AA0"),)), Word("TO", (("T", "UW0"),))]
    assert [w.label for w in words_of_pronunciation("n i3 | h ao3", "你好", "zh")] == ["你", "好"]
    assert [w.label for w in words_of_pronunciation("n i3 | h ao3", None, "zh")] == [
        "n i3",
        "h ao3",
    ]
    bare = words_of_pronunciation("a1 e4 an1", None, "zh")
    assert bare == [Word(label, ((label,),)) for label in ("a1", "e4", "an1")]


def test_a_syllable_of_one_letter_is_mandarin() -> None:
    for text in ("a1", "e4"):
        assert [word.pronunciations for word in words_of_text(text, "zh")] == [((text,),)]


def test_silences_fill_the_gaps() -> None:
    assert fill_silences([(0.2, 0.3, "S"), (0.3, 0.4, "sil"), (0.5, 1.2, "M")], 1.0) == [
        (0.0, 0.2, "sil"),
        (0.2, 0.3, "S"),
        (0.3, 0.5, "sil"),
        (0.5, 1.0, "M"),
    ]


def test_logistic_fit_recovers_probabilities() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, 20000)
    right = rng.random(20000) < 1 / (1 + np.exp(-(1.5 * scores)))
    scale, offset = fit_logistic(scores[right].tolist(), scores[~right].tolist())
    assert scale == pytest.approx(1.5, abs=0.1)
    assert offset == pytest.approx(0.0, abs=0.1)
    perfect = fit_logistic([1.0, 2.0], [-1.0, -2.0])
    assert np.isfinite(perfect).all()


def test_half_wrong_changes_every_second_word() -> None:
    words, other = [Word(c, ((c,),)) for c in "abcdef"], [Word("z", (("z",),))]
    changed = half_wrong(words, other, random.Random(0))
    assert sum(a != b for a, b in zip(words, changed, strict=True)) == 3
    assert half_wrong(words[:1], other, random.Random(0)) == other


class Given(Aligner):
    """Says what it was told, and remembers the words it was asked for."""

    def __init__(self, alignment: Alignment) -> None:
        self.alignment = alignment

    def align(self, utterance: Utterance) -> Alignment:
        self.asked = utterance.words
        return self.alignment


class Played(Given):
    """Of pocketsphinx: at another tempo the same times of the sound, but for one gone astray."""

    def __init__(self, alignment: Alignment, samples: int) -> None:
        super().__init__(alignment)
        self.samples, self.tempos = samples, list[float]()

    def align(self, utterance: Utterance) -> Alignment:
        self.asked = utterance.words
        tempo = self.samples / len(utterance.audio)
        self.tempos.append(round(tempo, 2))
        if len(self.tempos) == 2:
            raise SecoustiError("no path was found")
        late = 0.2 if len(self.tempos) == 3 else 0.0
        return Alignment(
            [((a + late) / tempo, (b + late) / tempo, s) for a, b, s in self.alignment.phones],
            [((a + late) / tempo, (b + late) / tempo, s) for a, b, s in self.alignment.words],
            0.1,
        )


def test_combined_pools_every_hearing_of_both_aligners() -> None:
    utterance = Utterance.of(torch.zeros(16000), 16000, phones=[["S", "IY1"], ["M"]])
    one = [(0.1, 0.2, "S"), (0.2, 0.3, "IY1"), (0.30, 0.5, "M")]
    two = [(0.12, 0.2, "S"), (0.2, 0.32, "IY1"), (0.32, 0.9, "M")]
    words = [(0.1, 0.3, "see"), (0.3, 0.5, "m")], [(0.12, 0.32, "see"), (0.32, 0.9, "m")]
    own = Given(Alignment(fill_silences(one, 1.0), words[0], 0.7))
    other = Played(Alignment(fill_silences(two, 1.0), words[1]), 16000)
    found = CombinedAligner(own, other).align(utterance)
    assert other.tempos == [1.0, *TEMPOS]
    # Three hearings agree, one is 0.2 s late, one failed; the network's two are 20 ms earlier.
    assert [word[2] for word in found.words] == ["see", "m"]
    np.testing.assert_allclose([w[:2] for w in found.words], [(0.12, 0.32), (0.32, 0.9)], atol=2e-3)
    assert [round(p[0], 2) for p in found.phones if p[2] == "M"] == [0.32]
    assert found.confidence == 0.7
    assert [word.pronunciations for word in own.asked] == [(("S", "IY1"),), (("M",),)]


def test_pocketsphinx_times_lie_in_the_middle_of_its_windows() -> None:
    entry = SimpleNamespace(start=10, duration=5)
    assert _times(entry) == pytest.approx((0.1078, 0.1578))


def test_pocketsphinx_on_real_speech(speech_root: Path) -> None:
    pytest.importorskip("pocketsphinx")
    aligner = open_source("pocketsphinx")
    row = next(r for r in read_manifest(speech_root / "valid.jsonl") if r.pronunciation)
    utterance = Utterance(row, speech_root)
    found = aligner.align(utterance)
    assert [word[2] for word in found.words] == row.text.split()
    assert found.phones[-1][1] == pytest.approx(utterance.duration)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found.phones))
    assert found == aligner.align(utterance)
    builtin = open_source("builtin").align(utterance)
    gaps = [abs(a[0] - b[0]) for a, b in zip(found.words, builtin.words, strict=True)]
    assert np.median(gaps) < 0.03


def test_pocketsphinx_refuses_mandarin() -> None:
    pytest.importorskip("pocketsphinx")
    utterance = Utterance.of(torch.zeros(16000), 16000, phones=[["zh", "ong1"]])
    with pytest.raises(SecoustiError, match="English only"):
        open_source("pocketsphinx").align(utterance)
