"""English words to ARPAbet: dictionary, homographs by context, and what to do with new words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from secousti.errors import SecoustiError
from secousti.text.english.checkpoint import LetterNetwork, checkpoint_path
from secousti.text.english.homographs import Homographs, with_s
from secousti.text.english.lexicon import LETTERS, Lexicon
from secousti.text.english.normalize import normalize_english
from secousti.text.english.tagging import Tagger, gruut_tags, rule_tags
from secousti.text.english.unknown_words import from_parts, from_spelling
from secousti.text.inventory import is_vowel

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*'?|'[a-z]+|[A-Z](?:'s)?")
_LONGEST_WORD = 45  # letters; the dictionary's longest has 28


class EnglishG2p:
    """``EnglishG2p()(["the", "record"]) -> [["DH", "AH0"], ["R", "EH1", ...]]``.

    Args:
        tagger: who tells noun from verb in homographs: ``"rules"`` (built in, the same
            everywhere) or ``"gruut"`` (a trained tagger, extra ``g2p``).
        network: read words outside the dictionary with g2p_en's network (extra ``g2p``);
            None uses it where it is installed, False never, True insists.

    Raises:
        SecoustiError: a part was asked for that is not installed.
    """

    def __init__(self, tagger: str = "rules", network: bool | None = None) -> None:
        if tagger not in ("rules", "gruut"):
            raise SecoustiError(f"the tagger is {tagger!r}; it must be 'rules' or 'gruut'")
        self.lexicon = Lexicon()
        self._homographs = Homographs()
        self._tag: Tagger = gruut_tags() if tagger == "gruut" else rule_tags
        wanted = checkpoint_path() is not None if network is None else network
        self._network = LetterNetwork() if wanted else None
        self.description = f"cmudict+{tagger}" + ("+g2p_en" if wanted else "")
        self._new_word = lru_cache(maxsize=65536)(self._unknown)

    def normalize(self, text: str) -> str:
        """Spoken form of ``text``; see ``normalize_english``."""
        return normalize_english(text, self.lexicon)

    def __call__(self, words: Sequence[str]) -> list[list[str]]:
        """Phonemes of each word of a normalised sentence (punctuation marks may be among them).

        Args:
            words: lower-case words, single capitals for names of letters, punctuation marks;
                a mark gives an empty list.
        """
        tags: list[str] | None = None
        out: list[list[str]] = []
        for index, word in enumerate(words):
            if not _WORD.fullmatch(word):
                out.append([])
            elif word in self._homographs:
                tags = tags or self._tag(words)
                out.append(self._homographs(words, index, tags[index]))
            else:
                out.append(self._word(word))
        _weak_forms(words, out)
        return out

    def _word(self, word: str) -> list[str]:
        if word[0].isupper():
            name = LETTERS[word[0]].split()
            return with_s(name) if word.endswith("s") else name
        return self.lexicon.get(word) or list(self._new_word(word))

    def _unknown(self, word: str) -> tuple[str, ...]:
        bare = word.strip("'")
        if len(bare) > _LONGEST_WORD:
            return tuple(from_spelling(bare))
        phonemes = self.lexicon.get(bare) or from_parts(bare, self.lexicon)
        if phonemes is None and self._network is not None and re.search("[aeiouy]", bare):
            phonemes = self._network(bare)
        return tuple(phonemes or from_spelling(bare))


def _weak_forms(words: Sequence[str], phonemes: list[list[str]]) -> None:
    """ "the" is DH IY0 before a vowel sound, DH AH0 elsewhere; "a" is a schwa."""
    for index, word in enumerate(words):
        following = phonemes[index + 1] if index + 1 < len(words) else []
        if word == "the":
            before_vowel = bool(following) and is_vowel(following[0])
            phonemes[index] = ["DH", "IY0" if before_vowel else "AH0"]
        elif word == "a":
            phonemes[index] = ["AH0"]
