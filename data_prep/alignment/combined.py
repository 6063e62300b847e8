"""Two aligners that err independently, pooled: pocketsphinx at several tempos and the built-in one.

One hearing of pocketsphinx places a boundary on a grid of 10 ms and now and then far off. Played a
little faster or slower, the same words fall on the grid elsewhere and go astray elsewhere. The
median of all hearings, in which the built-in network counts twice, is nearer to where people put
boundaries than any of them (docs/alignment.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from data_prep.alignment.base import SAMPLE_RATE, Aligner, Alignment, Utterance, fill_silences
from data_prep.alignment.sphinx import WINDOW_MIDDLE
from data_prep.alignment.transcript import Word
from data_prep.manifest import Interval
from secousti.errors import SecoustiError
from secousti.text.inventory import SILENCE

TEMPOS = (0.94, 0.97, 1.03, 1.06)  # besides 1; tempo and pitch together
_BUILTIN_COUNTS = 2
# The built-in network learnt English from pocketsphinx's times before they were corrected.
_LEARNT_EARLY = WINDOW_MIDDLE

Times = NDArray[np.float64]  # [N, 2]: start and end in seconds


class CombinedAligner(Aligner):
    """English only, as pocketsphinx is. Confidence is the built-in aligner's."""

    def __init__(self, builtin: Aligner, sphinx: Aligner) -> None:
        self._builtin, self._sphinx = builtin, sphinx

    def align(self, utterance: Utterance) -> Alignment:
        """The alignment of an English utterance.

        pocketsphinx chooses the pronunciations, so that every hearing places the same phonemes.

        Raises:
            SecoustiError: either aligner fails.
        """
        first = self._sphinx.align(utterance)
        spoken = [
            _as_spoken(_phones_within(first.phones, start, end)) for start, end, _ in first.words
        ]
        again = Utterance(utterance.row, utterance.root, utterance.audio, spoken)
        second = self._builtin.align(again)
        names = [p[2] for p in _sounds(second.phones)]
        if names != [p[2] for p in _sounds(first.phones)]:
            raise SecoustiError("its last phonemes lie outside the audio")
        hearings = [first, *self._at_other_tempos(again, names)]
        phones = _pooled(
            [_times(_sounds(found.phones)) for found in hearings],
            _times(_sounds(second.phones)) + _LEARNT_EARLY,
            names,
            utterance.duration,
        )
        words = _pooled(
            [_times(found.words) for found in hearings],
            _times(second.words) + _LEARNT_EARLY,
            [label for _, _, label in first.words],
            utterance.duration,
        )
        return Alignment(fill_silences(phones, utterance.duration), words, second.confidence)

    def _at_other_tempos(self, utterance: Utterance, names: Sequence[str]) -> Iterator[Alignment]:
        """What pocketsphinx finds in faster and slower copies, in the utterance's own time."""
        wave = utterance.audio.numpy()
        for tempo in TEMPOS:
            played = torch.from_numpy(soxr.resample(wave, SAMPLE_RATE * tempo, SAMPLE_RATE))
            with suppress(SecoustiError):
                found = self._sphinx.align(
                    Utterance(utterance.row, utterance.root, played, utterance.words)
                )
                if [p[2] for p in _sounds(found.phones)] == names:
                    yield Alignment(_slowed(found.phones, tempo), _slowed(found.words, tempo))


def _as_spoken(phones: tuple[str, ...]) -> Word:
    """A word that has this pronunciation and no other in any dictionary."""
    return Word("=" + "-".join(symbol.rstrip("012") for symbol in phones), (phones,))


def _phones_within(phones: Sequence[Interval], start: float, end: float) -> tuple[str, ...]:
    return tuple(p[2] for p in _sounds(phones) if start - 1e-4 <= p[0] and p[1] <= end + 1e-4)


def _sounds(phones: Sequence[Interval]) -> list[Interval]:
    return [phone for phone in phones if phone[2] != SILENCE]


def _slowed(intervals: Sequence[Interval], tempo: float) -> list[Interval]:
    return [(start * tempo, end * tempo, label) for start, end, label in intervals]


def _times(intervals: Sequence[Interval]) -> Times:
    return np.array([interval[:2] for interval in intervals], dtype=float).reshape(-1, 2)


def _pooled(
    hearings: Sequence[Times], builtin: Times, labels: Sequence[str], duration: float
) -> list[Interval]:
    """Every boundary at the median of all; never before the one that precedes it."""
    places = np.median(np.stack([*hearings, *[builtin] * _BUILTIN_COUNTS]), axis=0)
    out: list[Interval] = []
    previous = 0.0
    for (start, end), label in zip(places.tolist(), labels, strict=True):
        start = min(max(round(start, 4), previous), duration)
        previous = min(max(round(end, 4), start), duration)
        out.append((start, previous, label))
    return out
