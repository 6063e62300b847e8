"""The words of a row, each with the ways it may be pronounced, in inventory symbols."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from data_prep.languages import has_phonemes
from data_prep.manifest import Row
from data_prep.phonemes import token_symbols
from secousti.errors import SecoustiError
from secousti.text.english.lexicon import Lexicon
from secousti.text.inventory import canonical, is_silence
from secousti.text.phonemizer import Phonemizer

WORD_MARK = "|"
_AROUND_WORDS = "\"',.?!;:()[]{}-–—…“”‘’"


@dataclass(frozen=True)
class Word:
    """A word and its pronunciations, the likeliest first."""

    label: str
    pronunciations: tuple[tuple[str, ...], ...]


def words_of_row(row: Row) -> list[Word]:
    """Words from what the row knows best: a canonical pronunciation, then the text.

    Raises:
        SecoustiError: the row has neither, or a phoneme is not in the inventory.
    """
    if not has_phonemes(row.language):
        raise SecoustiError(f"its language {row.language!r} has no phonemes in the inventory")
    if row.pronunciation:
        return words_of_pronunciation(row.pronunciation, row.text, row.language)
    if row.text and row.text.strip():
        return words_of_text(row.text, row.language)
    raise SecoustiError("it has neither a text nor a pronunciation")


def words_of_pronunciation(pronunciation: str, text: str | None, language: str) -> list[Word]:
    """Words of a phoneme string in which ``|`` parts words; ``text`` labels them if it can.

    Numbered pinyin (``she4 bei4``) is a word a syllable, as corpora such as AISHELL-3 write it.
    """
    parts = [part.split() for part in pronunciation.split(WORD_MARK)]
    parts = [word for part in parts for word in _syllables(part, language)]
    found = [(" ".join(part), _spoken(part, language)) for part in parts]
    written = [label for label, spoken in found if spoken]
    sequences = [spoken for _, spoken in found if spoken]
    labels = (text or "").split()
    if len(labels) != len(sequences):
        labels = [c for c in "".join(labels) if c.isalnum()] if language == "zh" else []
    if len(labels) != len(sequences):
        labels = written
    words = zip(labels, sequences, strict=True)
    return _not_empty([Word(label, (symbols,)) for label, symbols in words])


def words_of_text(text: str, language: str) -> list[Word]:
    """Words of a text as the phonemizer speaks it, English ones with all dictionary variants.

    A Mandarin word is one syllable, labelled with its character. English words keep the spelling
    of ``text`` where the spoken words are those written.

    Raises:
        SecoustiError: characters that cannot be read aloud.
    """
    phonemizer, lexicon = _speaker()
    phonemes = phonemizer(text, language)
    if phonemes.unknown:
        raise SecoustiError(f"its text has characters nobody could read: {phonemes.unknown[:5]}")
    spoken = [word for word in phonemes.words if any(map(_sounds, phonemes.of(word)))]
    written = [label for part in text.split() if (label := part.strip(_AROUND_WORDS))]
    labels = written if len(written) == len(spoken) else [word.text for word in spoken]
    words = []
    for word, label in zip(spoken, labels, strict=True):
        first = tuple(filter(_sounds, phonemes.of(word)))
        others = lexicon.all(word.text.lower()) if word.language == "en" else []
        variants = dict.fromkeys([first, *(tuple(other) for other in others)])
        words.append(Word(label, tuple(variants)))
    return _not_empty(words)


@lru_cache(maxsize=1)
def _speaker() -> tuple[Phonemizer, Lexicon]:
    return Phonemizer(), Lexicon()


def _sounds(symbol: str) -> bool:
    return not is_silence(symbol)


def _syllables(tokens: list[str], language: str) -> list[list[str]]:
    """The tokens of one word; each by itself when some of them are whole syllables.

    A final alone (``a1``) is a syllable too, where no token is an initial.
    """
    symbols = [canonical(token, language) for token in tokens]
    finals = all(symbol is not None and symbol[-1:].isdigit() for symbol in symbols)
    whole = language == "zh" and (None in symbols or finals)
    return [[token] for token in tokens] if whole else [tokens]


def _spoken(labels: Iterable[str], language: str | None) -> tuple[str, ...]:
    symbols = []
    for label in labels:
        found = token_symbols(label, language)
        if found is None:
            raise SecoustiError(f"{label!r} is no phoneme of the inventory")
        symbols += [symbol for symbol in found if not is_silence(symbol)]
    return tuple(symbols)


def _not_empty(words: list[Word]) -> list[Word]:
    if not words:
        raise SecoustiError("its transcript has nothing that is spoken")
    return words
