"""Text to phonemes: English, Mandarin and both in one sentence, behind one call."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from secousti.errors import SecoustiError
from secousti.text.characters import unify
from secousti.text.english.g2p import EnglishG2p
from secousti.text.inventory import PUNCTUATION, UNKNOWN, symbol_ids
from secousti.text.mandarin.g2p import MandarinG2p, is_han, phrases
from secousti.text.mandarin.normalize import normalize_mandarin
from secousti.text.mandarin.runs import runs
from secousti.text.mandarin.syllables import split_syllable

_MARKS = {
    "，": ",", "、": ",", "。": ".", "？": "?", "！": "!", "；": ";", "：": ":", "（": "(",
    "）": ")", "“": '"', "”": '"', "《": '"', "》": '"', "「": '"', "」": '"', "『": '"',
    "』": '"', "〈": '"', "〉": '"', "【": "(", "】": ")", "—": "-", "–": "-", "－": "-",
    "[": "(", "]": ")", "．": ".", "〔": "(", "〕": ")", "'": '"', "‘": '"', "’": '"',
}  # fmt: skip
_TOKEN = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*'?|'[a-z]+|\S")


@dataclass(frozen=True)
class Word:
    """A spoken word (English) or syllable (Mandarin); its phonemes are ``symbols[start:end]``."""

    text: str
    language: str
    start: int
    end: int


@dataclass
class Phonemes:
    """The phonemes of a text.

    Attributes:
        symbols: inventory symbols with punctuation where it stood.
        words: spoken words in order, each with its place in ``symbols``.
        text: the normalised text, words and marks separated by blanks.
        language: ``"en"``, ``"zh"`` or ``"mixed"``.
        unknown: characters nobody could read, in order; each run of them is one ``<unk>``.
    """

    symbols: list[str] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    text: str = ""
    language: str = "en"
    unknown: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[int]:
        """Ids of ``symbols`` in the inventory."""
        return symbol_ids(self.symbols)

    def of(self, word: Word) -> list[str]:
        """Phonemes of one of ``words``."""
        return self.symbols[word.start : word.end]


class Phonemizer:
    """``Phonemizer()("Hello 世界") -> Phonemes``, without a network.

    Args:
        tagger, network: as in ``EnglishG2p``.

    Raises:
        SecoustiError: a package is missing; the message names the extra that brings it.
    """

    def __init__(self, tagger: str = "rules", network: bool | None = None) -> None:
        self._english = EnglishG2p(tagger, network)
        self._mandarin: MandarinG2p | None = None

    @property
    def description(self) -> str:
        """What the phonemes depend on (dictionary, tagger, network), to keep with the data."""
        return f"{self._english.description}; {self._mandarin_g2p().description}"

    def __call__(self, text: str, language: str | None = None) -> Phonemes:
        """Phonemes of ``text``.

        Args:
            language: ``"en"`` or ``"zh"`` decides how numbers and stray symbols are read;
                ``"mixed"`` or None looks at the text: with a Han character it is Mandarin, in
                which runs of Latin words are English. Under ``"zh"`` numbered pinyin
                (``ma1``) is read as such.

        Raises:
            SecoustiError: an unknown language.
        """
        if language not in (None, "en", "zh", "mixed"):
            raise SecoustiError(f"the language is {language!r}; it must be en, zh or mixed")
        text = unify(text)
        mandarin = language == "zh" or any(map(is_han, text))
        out = _Builder()
        for kind, run in runs(text, language) if mandarin else [("en", text)]:
            if kind == "en":
                self._read_english(run, out)
            elif kind == "letters":
                for letter in run.upper():
                    out.add(letter, "en", self._english([letter])[0])
            elif kind == "pinyin":
                out.add(run, "zh", split_syllable(run) or [])
            else:
                self._read_mandarin(run, out)
        return out.finish("zh" if mandarin else "en")

    def _read_english(self, text: str, out: _Builder) -> None:
        tokens = _TOKEN.findall(self._english.normalize(text))
        for token, phonemes in zip(tokens, self._english(tokens), strict=True):
            out.add(token, "en", phonemes)

    def _read_mandarin(self, text: str, out: _Builder) -> None:
        for han, run in phrases(normalize_mandarin(text)):
            if not han:
                for token in _TOKEN.findall(run):
                    out.add(token, "zh", [])
                continue
            for syllable in self._mandarin_g2p()(run.replace("〇", "零")):
                out.add(syllable.text, "zh", syllable.symbols)

    def _mandarin_g2p(self) -> MandarinG2p:
        if self._mandarin is None:
            self._mandarin = MandarinG2p()
        return self._mandarin


class _Builder:
    """Collects words, marks and unknown characters into a ``Phonemes``."""

    def __init__(self) -> None:
        self._out = Phonemes()
        self._texts: list[str] = []

    def add(self, text: str, language: str, phonemes: Iterable[str]) -> None:
        """Append one word; without phonemes it is a punctuation mark or unknown."""
        phonemes = list(phonemes)
        symbols = self._out.symbols
        if phonemes:
            word = Word(text, language, len(symbols), len(symbols) + len(phonemes))
            self._out.words.append(word)
            symbols.extend(phonemes)
        else:
            for character in text:
                self._mark(_MARKS.get(character, character))
        self._texts.append(text)

    def _mark(self, character: str) -> None:
        symbols = self._out.symbols
        if character in PUNCTUATION:
            if not (character == "-" and symbols[-1:] == ["-"]):
                symbols.append(character)
            return
        self._out.unknown.append(character)
        if symbols[-1:] != [UNKNOWN]:
            symbols.append(UNKNOWN)

    def finish(self, default_language: str) -> Phonemes:
        spoken = {word.language for word in self._out.words}
        self._out.language = "mixed" if len(spoken) > 1 else next(iter(spoken), default_language)
        self._out.text = " ".join(self._texts)
        return self._out
