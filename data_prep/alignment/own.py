"""Alignments that a corpus brings itself: the row's own ``phones`` and ``words``."""

from __future__ import annotations

from data_prep.alignment.base import Aligner, Alignment, Utterance, fill_silences
from secousti.errors import SecoustiError
from secousti.text.inventory import SILENCE, canonical


class OwnAligner(Aligner):
    """Checks the times of a row and brings its labels into the inventory."""

    def align(self, utterance: Utterance) -> Alignment:
        """The row's own alignment, with silences in its gaps.

        Raises:
            SecoustiError: the row has no timed phonemes, or a label is not in the inventory.
        """
        row = utterance.row
        if not row.phones:
            raise SecoustiError("it has no phonemes with times of its own")
        language = None if row.language == "mixed" else row.language
        phones = []
        for start, end, label in row.phones:
            symbol = canonical(label, language)
            if symbol is None:
                raise SecoustiError(f"its label {label!r} is no phoneme of the inventory")
            phones.append((start, end, symbol))
        words = [word for word in row.words or [] if canonical(word[2]) != SILENCE]
        return Alignment(fill_silences(phones, row.duration), words, row.confidence)
