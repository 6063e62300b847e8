"""Alignments by pocketsphinx, English only (extra ``align``).

Two passes: the first finds where the words are and which pronunciation was used, the second where
their phonemes are, in frames of 10 ms. The acoustic model comes with the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_prep.alignment.base import (
    SAMPLE_RATE,
    Aligner,
    Alignment,
    Utterance,
    fill_silences,
    logistic,
)
from data_prep.alignment.transcript import Word
from secousti.errors import SecoustiError, require
from secousti.text.inventory import canonical, language_of

FRAME = 0.01  # seconds
# A frame spans 25.6 ms from its start on: what changes between two of them lies in the
# middle between the middles of both windows. Hand labels agree (docs/alignment.md).
WINDOW_MIDDLE = 0.0256 / 2 - FRAME / 2
PEAK = 0.5  # of full scale, to which every utterance is brought


# Scale and offset from the mean acoustic score a frame to the probability that the transcript is
# right: two normal distributions fitted to the scores of 73 right and 72 half wrong transcripts of
# speechocean762 (area under the curve 0.962).
CONFIDENCE = (0.286, 9.35)


@dataclass(frozen=True)
class _Phone:
    """One phone of the second pass: seconds, and acoustic score a frame."""

    name: str
    start: float
    end: float
    score: float


class SphinxAligner(Aligner):
    """pocketsphinx with its US English model. Not thread safe; one decoder a process."""

    def __init__(self) -> None:
        sphinx = require("pocketsphinx", "align")
        self._decoder = sphinx.Decoder(
            samprate=SAMPLE_RATE,
            bestpath=False,
            loglevel="FATAL",
            beam=1e-64,  # wide beams: the words are known, so few paths are alive anyway
            pbeam=1e-64,
            wbeam=1e-48,
        )

    def align(self, utterance: Utterance) -> Alignment:
        """The alignment of an English utterance.

        Raises:
            SecoustiError: a word with phonemes that are not English, or no path was found.
        """
        words = utterance.words
        entries = self._two_passes(_pcm(utterance), [self._entry(word) for word in words])
        duration = utterance.duration
        if len(entries) != len(words):
            raise SecoustiError("pocketsphinx found no path for its transcript")
        phones, timed = [], []
        for parts, word in zip(entries, words, strict=True):
            labels = _with_stress([part.name for part in parts], word)
            phones += [(p.start, p.end, label) for p, label in zip(parts, labels, strict=True)]
            timed.append((min(parts[0].start, duration), min(parts[-1].end, duration), word.label))
        score = float(np.mean([part.score for parts in entries for part in parts]))
        confidence = logistic(score, *CONFIDENCE)
        return Alignment(fill_silences(phones, duration), timed, confidence)

    def _two_passes(self, pcm: bytes, names: Sequence[str]) -> list[list[_Phone]]:
        """The phones of every word."""
        decoder = self._decoder
        try:
            decoder.set_align_text(" ".join(names))
            self._decode(pcm)
            decoder.set_alignment()
            self._decode(pcm)
        except RuntimeError as error:
            raise SecoustiError(
                f"pocketsphinx found no path for its transcript ({error})"
            ) from None
        alignment = decoder.get_alignment()
        if alignment is None:
            raise SecoustiError("pocketsphinx found no path for its transcript")
        # Entries live only as long as the alignment does, so their values are copied out here.
        return [
            [_Phone(part.name, *_times(part), part.score / max(part.duration, 1)) for part in word]
            for word in alignment
            if word.name[0] not in "<["
        ]

    def _decode(self, pcm: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()

    def _entry(self, word: Word) -> str:
        """The dictionary entry of a word: the package's own with its variants, or a new one."""
        name = word.label.lower()
        if self._decoder.lookup_word(name) is not None:
            return name
        phones = [_sphinx_phone(symbol) for symbol in word.pronunciations[0]]
        name = "=" + "-".join(phones)  # the same phonemes make the same entry, in any order
        if self._decoder.lookup_word(name) is None:
            self._decoder.add_word(name, " ".join(phones), False)  # a search is set after it
        return name


def _pcm(utterance: Utterance) -> bytes:
    audio = utterance.audio.numpy()
    scaled = audio * (PEAK * 32767 / max(float(np.abs(audio).max()), 1e-4))
    return scaled.astype("<i2").tobytes()


def _sphinx_phone(symbol: str) -> str:
    if language_of(symbol) != "en":
        raise SecoustiError(f"pocketsphinx knows no phoneme {symbol!r}; its model is English only")
    return symbol.rstrip("012")


def _with_stress(names: Sequence[str], word: Word) -> list[str]:
    """Inventory symbols of pocketsphinx phones; stress from the transcript where they agree."""
    for symbols in word.pronunciations:
        if [symbol.rstrip("012") for symbol in symbols] == list(names):
            return list(symbols)
    return [canonical(name, "en") or name for name in names]


def _times(entry: Any) -> tuple[float, float]:
    start, end = entry.start * FRAME, (entry.start + entry.duration) * FRAME
    return round(start + WINDOW_MIDDLE, 4), round(end + WINDOW_MIDDLE, 4)
