"""Two aligners that err independently, averaged: the built-in one and pocketsphinx.

pocketsphinx chooses the pronunciations, so both place the same phonemes. A boundary on which
they agree within ``AGREEMENT`` is put in the middle; of others the built-in time is taken, which
is seldom far off.
"""

from __future__ import annotations

from collections.abc import Sequence

from data_prep.alignment.base import Aligner, Alignment, Utterance, fill_silences
from data_prep.alignment.transcript import Word
from data_prep.manifest import Interval
from secousti.errors import SecoustiError
from secousti.text.inventory import SILENCE

AGREEMENT = 0.060  # seconds


class CombinedAligner(Aligner):
    """English only, as pocketsphinx is. Confidence is the built-in aligner's."""

    def __init__(self, builtin: Aligner, sphinx: Aligner) -> None:
        self._builtin, self._sphinx = builtin, sphinx

    def align(self, utterance: Utterance) -> Alignment:
        """The alignment of an English utterance.

        Raises:
            SecoustiError: either aligner fails.
        """
        first = self._sphinx.align(utterance)
        spoken = [
            Word(label, (_phones_within(first.phones, start, end),))
            for start, end, label in first.words
        ]
        second = self._builtin.align(
            Utterance(utterance.row, utterance.root, utterance.audio, spoken)
        )
        sounds = _sounds(second.phones), _sounds(first.phones)
        if [p[2] for p in sounds[0]] != [p[2] for p in sounds[1]]:
            raise SecoustiError("its last phonemes lie outside the audio")
        phones = _between(*sounds)
        words = _between(second.words, first.words)
        return Alignment(fill_silences(phones, utterance.duration), words, second.confidence)


def _phones_within(phones: Sequence[Interval], start: float, end: float) -> tuple[str, ...]:
    return tuple(p[2] for p in _sounds(phones) if start - 1e-4 <= p[0] and p[1] <= end + 1e-4)


def _sounds(phones: Sequence[Interval]) -> list[Interval]:
    return [phone for phone in phones if phone[2] != SILENCE]


def _between(own: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    """Every boundary between the two; never before the one that precedes it."""
    out: list[Interval] = []
    previous = 0.0
    for (start, end, label), (other_start, other_end, _) in zip(own, other, strict=True):
        start = max(_middle(start, other_start), previous)
        previous = max(_middle(end, other_end), start)
        out.append((start, previous, label))
    return out


def _middle(own: float, other: float) -> float:
    return round((own + other) / 2, 4) if abs(own - other) <= AGREEMENT else own
