"""Phonemes of a manifest row: from its text, or from the pronunciation its corpus gives."""

from __future__ import annotations

from data_prep.manifest import Row
from secousti.text.inventory import canonical
from secousti.text.mandarin.syllables import split_syllable
from secousti.text.phonemizer import Phonemes, Phonemizer


def phonemes_of(row: Row, phonemizer: Phonemizer) -> Phonemes:
    """Phonemes of ``row``; empty when it has neither text nor pronunciation.

    Mandarin takes the corpus's numbered pinyin where every syllable can be read, for people wrote
    it listening. English takes the text (corpora write canonical phones without real stress) and
    the pronunciation only where there is no text.
    """
    given = given_symbols(row)
    if given and (row.language == "zh" or row.text is None):
        return Phonemes(symbols=given, text=row.pronunciation or "", language=row.language)
    if row.text is None:
        return Phonemes(language=row.language)
    return phonemizer(row.text, row.language)


def given_symbols(row: Row) -> list[str] | None:
    """The row's pronunciation as inventory symbols, None when there is none or it is foreign."""
    symbols: list[str] = []
    for token in (row.pronunciation or "").replace("|", " ").split():
        found = token_symbols(token, row.language)
        if found is None:
            return None
        symbols += found
    return symbols or None


def token_symbols(token: str, language: str | None) -> list[str] | None:
    """Inventory symbols of one token of a pronunciation, None when it is foreign.

    A token is a phoneme as aligners write them (``AH0``, ``zh``, ``uang1``) or, in Mandarin, a
    whole syllable in numbered pinyin (``she4``).
    """
    symbol = canonical(token, language)
    if symbol is not None:
        return [symbol]
    return split_syllable(token) if language in ("zh", "mixed") else None
