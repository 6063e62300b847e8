"""What every source of alignments takes and gives."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import soxr
import torch
from torch import Tensor

from data_prep.alignment.transcript import Word, words_of_row, words_of_text
from data_prep.manifest import Interval, Row
from secousti.audio.io import load_audio
from secousti.errors import SecoustiError
from secousti.text.inventory import SILENCE

SAMPLE_RATE = 16000  # Hz; every aligner listens at this rate


@dataclass(frozen=True)
class Alignment:
    """Phonemes and words in time.

    ``phones`` cover the audio from 0 to its end without gaps, silences included (``sil``);
    ``words`` holds the words only. Times are seconds. ``confidence`` in [0, 1] estimates the
    probability that the transcript is what was said; None where the source has no opinion.
    """

    phones: list[Interval]
    words: list[Interval]
    confidence: float | None = None


@dataclass
class Utterance:
    """One recording and what is said in it, read when first asked for."""

    row: Row
    root: Path = field(default_factory=Path)
    given_audio: Tensor | None = None  # float32 [N] at 16 kHz
    given_words: Sequence[Word] | None = None

    @classmethod
    def of(
        cls,
        audio: Tensor,
        sample_rate: int,
        text: str | None = None,
        phones: Sequence[Sequence[str]] | None = None,
        language: str = "en",
    ) -> Utterance:
        """Audio ``[N]`` with its text, or with one phoneme sequence a word.

        Raises:
            SecoustiError: neither ``text`` nor ``phones``, or audio that is not one channel.
        """
        if audio.dim() != 1:
            raise SecoustiError(f"an aligner takes one channel [N], got shape {tuple(audio.shape)}")
        if phones is not None:
            words = [Word(" ".join(symbols), (tuple(symbols),)) for symbols in phones]
        elif text is not None:
            words = words_of_text(text, language)
        else:
            raise SecoustiError("an aligner needs the text or the phonemes of the audio")
        duration = audio.shape[0] / sample_rate
        row = Row("memory.wav", "unknown", language, duration, text=text)
        return cls(row, given_audio=_at_16_khz(audio, sample_rate), given_words=words)

    @cached_property
    def audio(self) -> Tensor:
        """float32 ``[N]`` at 16 kHz."""
        if self.given_audio is not None:
            return self.given_audio
        return _at_16_khz(*load_audio(self.row.audio_path(self.root), self.row.piece))

    @cached_property
    def words(self) -> Sequence[Word]:
        """The words to be found, in order, each with one or more pronunciations."""
        return self.given_words if self.given_words is not None else words_of_row(self.row)

    @property
    def duration(self) -> float:
        """Seconds of audio."""
        return float(self.audio.shape[0]) / SAMPLE_RATE


class Aligner(ABC):
    """A source of alignments."""

    @abstractmethod
    def align(self, utterance: Utterance) -> Alignment:
        """The alignment of ``utterance``.

        Raises:
            SecoustiError: it cannot be aligned; the message says why.
        """


def fill_silences(phones: Sequence[Interval], duration: float) -> list[Interval]:
    """``phones`` with a silence in every gap, cut at ``duration`` and joined where they touch."""
    filled: list[Interval] = []
    previous = 0.0
    for start, end, label in phones:
        start, end = max(start, previous), min(end, duration)
        if start - previous > 1e-4:
            _append(filled, (previous, start, SILENCE))
        if end - start > 1e-6:
            _append(filled, (max(start, previous), end, label))
            previous = end
    if duration - previous > 1e-4:
        _append(filled, (previous, duration, SILENCE))
    return filled


def logistic(score: float, scale: float, offset: float) -> float:
    """``1 / (1 + exp(-(scale * score + offset)))`` without overflow."""
    exponent = min(max(-(scale * score + offset), -60.0), 60.0)
    return 1.0 / (1.0 + math.exp(exponent))


def _append(intervals: list[Interval], new: Interval) -> None:
    if intervals and intervals[-1][2] == SILENCE == new[2]:
        new = (intervals.pop()[0], new[1], SILENCE)
    intervals.append(new)


def _at_16_khz(audio: Tensor, sample_rate: int) -> Tensor:
    if sample_rate == SAMPLE_RATE:
        return audio.float()
    return torch.from_numpy(soxr.resample(audio.float().numpy(), sample_rate, SAMPLE_RATE))
