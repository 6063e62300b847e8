"""Word and character error rate, against the text and against the reference recording's."""

from __future__ import annotations

import re
import unicodedata
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

from secousti.errors import require
from secousti.evaluation.audio import Audio
from secousti.evaluation.metrics.base import Metric, Requirement, Sample, Score, Undefined
from secousti.evaluation.metrics.recognisers import Recogniser, make_recogniser

Unit = Literal["word", "character"]


def units(text: str, unit: Unit) -> list[str]:
    """Words, or characters, of ``text`` without case, punctuation and surplus space."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    text = re.sub(r"(?<!\w)'|'(?!\w)", " ", text)
    kept = "".join(c if c == "'" or unicodedata.category(c)[0] in "LNM" else " " for c in text)
    return kept.split() if unit == "word" else list("".join(kept.split()))


def edit_count(reference: list[str], hypothesis: list[str]) -> int:
    """Substitutions, deletions and insertions between two lists of units."""
    jiwer = require("jiwer", "eval")
    if not hypothesis:
        return len(reference)
    found = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    return found.substitutions + found.deletions + found.insertions


@dataclass
class ErrorRate(Metric):
    """Shared part. The mean over utterances is weighted by their length: all errors over all units.

    Attributes:
        recogniser: pocketsphinx or moonshine (English, inside their packages), whisper,
            faster-whisper or funasr.
        model: local weights of the recogniser.
    """

    recogniser: str = "pocketsphinx"
    model: str = ""

    direction = "lower"
    unit = "%"
    requires = (Requirement("jiwer"),)
    source = "Levenshtein distance over reference length; package jiwer"

    split: ClassVar[Unit] = "word"

    @cached_property
    def _recogniser(self) -> Recogniser:
        return make_recogniser(self.recogniser, self.model, self.device)

    @cached_property
    def _recogniser_versions(self) -> list[str]:
        return self._recogniser.versions()

    def check(self) -> None:
        super().check()
        self._recogniser.check()

    def versions(self) -> list[str]:
        return [*super().versions(), *self._recogniser.versions()]

    def transcript(self, audio: Audio, language: str) -> list[str]:
        """Recognised units of a recording, remembered by its content."""
        recogniser = self._recogniser
        if recogniser.languages is not None and language not in recogniser.languages:
            raise Undefined(f"{recogniser.name} does not know the language '{language}'")
        made_by = [recogniser.name, recogniser.revision, self._recogniser_versions]
        parts = [*made_by, language, audio.key]
        text = self.cache.remember(
            "transcripts", parts, lambda: recogniser.transcribe(audio.at(16000), language)
        )
        return units(text, self.split)

    def truth(self, sample: Sample) -> list[str]:
        """Units of what was said."""
        said = units(sample.text or "", self.split)
        if not said:
            raise Undefined("the text of this utterance is not known")
        return said

    def errors(self, truth: list[str], audio: Audio, language: str) -> int:
        """Edits between ``truth`` and what the recogniser hears in ``audio``."""
        return edit_count(truth, self.transcript(audio, language))

    @abstractmethod
    def compute(self, sample: Sample) -> Score: ...


@dataclass
class WordErrorRate(ErrorRate):
    """Word errors against the text."""

    name = "wer"
    label = "WER"

    def compute(self, sample: Sample) -> Score:
        truth = self.truth(sample)
        errors = self.errors(truth, sample.degraded, sample.language)
        return Score(100 * errors / len(truth), len(truth))


@dataclass
class WordErrorIncrease(ErrorRate):
    """WER of the decoded audio less that of the reference recording: what the codec cost."""

    name = "wer_increase"
    label = "ΔWER"

    def compute(self, sample: Sample) -> Score:
        truth = self.truth(sample)
        recordings = (sample.degraded, sample.source())
        after, before = (self.errors(truth, audio, sample.language) for audio in recordings)
        return Score(100 * (after - before) / len(truth), len(truth))


@dataclass
class TranscriptErrorRate(ErrorRate):
    """Errors against what the recogniser hears in the reference recording: needs no text."""

    name = "dwer"
    label = "dWER"

    def compute(self, sample: Sample) -> Score:
        truth = self.transcript(sample.source(), sample.language)
        if not truth:
            raise Undefined("the recogniser hears nothing in the reference recording")
        errors = self.errors(truth, sample.degraded, sample.language)
        return Score(100 * errors / len(truth), len(truth))


@dataclass
class CharacterErrorRate(WordErrorRate):
    """Character errors against the text: the measure for Mandarin."""

    name = "cer"
    label = "CER"
    split = "character"


@dataclass
class CharacterErrorIncrease(WordErrorIncrease):
    """CER of the decoded audio less that of the reference recording."""

    name = "cer_increase"
    label = "ΔCER"
    split = "character"
