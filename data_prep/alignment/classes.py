"""Acoustic classes: inventory symbols without what hardly changes their spectrum.

Tone and stress are dropped (the alignment still carries the transcript's own symbol); the
English schwa keeps a class of its own because it is a different vowel from a stressed ``AH``.
Every class has three states, its beginning, middle and end, except silence, which has one.
"""

from __future__ import annotations

from collections.abc import Sequence

from secousti.text.inventory import (
    ARPABET_CONSONANTS,
    ARPABET_VOWELS,
    ERHUA,
    NOISE,
    PINYIN_FINALS,
    PINYIN_INITIALS,
    SILENCE,
)

STATES = 3
CLASSES: tuple[str, ...] = (
    SILENCE,
    NOISE,
    *ARPABET_CONSONANTS,
    *ARPABET_VOWELS,
    "AH0",
    *PINYIN_INITIALS,
    *PINYIN_FINALS,
    ERHUA,
)


class ClassMap:
    """Class ids of symbols, for a given list of classes (a trained model keeps its own list)."""

    def __init__(self, classes: Sequence[str] = CLASSES) -> None:
        self.classes = tuple(classes)
        self._id_of = {name: index for index, name in enumerate(self.classes)}

    def class_of(self, symbol: str) -> int | None:
        """The class of a symbol, or None when the list has none for it."""
        exact = self._id_of.get(symbol)
        return exact if exact is not None else self._id_of.get(symbol.rstrip("012345"))

    @property
    def num_states(self) -> int:
        """Outputs of a network that tells the states apart."""
        return STATES * len(self.classes)
