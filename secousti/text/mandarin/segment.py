"""Mandarin phrases to words: the likeliest cut by word frequencies, with parts of speech.

The word list is jieba's (349,046 words with counts and tags). Its file is read as it stands; jieba
itself is not imported, for it writes a cache into the shared temporary folder when it starts.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from secousti.errors import SecoustiError, require

_LONGEST = 16  # characters; the list's longest word that is no proverb has fewer


@dataclass(frozen=True)
class Token:
    """A word of a phrase and its part of speech in jieba's tags ("n", "ad", ""), "" if unknown."""

    text: str
    tag: str = ""


class Segmenter:
    """``Segmenter()("他认真地学习") -> [Token("他", "r"), Token("认真", "ad"), ...]``.

    Without jieba the words are pypinyin's longest matches, which have no tags.

    Raises:
        SecoustiError: pypinyin is not installed.
    """

    def __init__(self) -> None:
        self._longest_match = require("pypinyin.seg.mmseg", "data").seg.cut
        path = word_list_path()
        self.description = "" if path is None else "+jieba"
        self._words = {} if path is None else _read_words(path)
        self._floor = 0.0 if path is None else -math.log(sum(c for c, _ in self._words.values()))

    def __call__(self, phrase: str) -> list[Token]:
        """Words of a phrase of Han characters without punctuation, in order."""
        if not self._words:
            return [Token(word) for word in self._longest_match(phrase)]
        return [Token(word, self._tag(word)) for word in self._cut(phrase)]

    def parts(self, word: str) -> list[str]:
        """The words that a longer word is made of: 展览馆 -> 展览 馆, 小老虎 -> 小 老虎."""
        if len(word) == 3:
            halves = [self._count(word[:2]), self._count(word[1:])]
            return [word[:2], word[2]] if halves[0] >= halves[1] else [word[0], word[1:]]
        return [word[i : i + 2] for i in range(0, len(word), 2)] if len(word) == 4 else [word]

    def _count(self, word: str) -> int:
        return self._words.get(word, (0, ""))[0]

    def _tag(self, word: str) -> str:
        return self._words.get(word, (0, ""))[1]

    def _cut(self, phrase: str) -> list[str]:
        """The cut with the highest product of word probabilities, found from the end."""
        end = len(phrase)
        best = [(0.0, end)] * (end + 1)  # log probability of the rest and where its first word ends
        for start in range(end - 1, -1, -1):
            best[start] = max(
                (self._score(phrase[start:stop]) + best[stop][0], stop)
                for stop in range(start + 1, min(start + _LONGEST, end) + 1)
                if stop == start + 1 or phrase[start:stop] in self._words
            )
        words, start = [], 0
        while start < end:
            words.append(phrase[start : best[start][1]])
            start = best[start][1]
        return words

    def _score(self, word: str) -> float:
        return math.log(self._words.get(word, (1, ""))[0]) + self._floor


def word_list_path() -> Path | None:
    """jieba's word list where the package is installed, without importing it."""
    package = importlib.util.find_spec("jieba")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).with_name("dict.txt")


@lru_cache(maxsize=1)
def _read_words(path: Path) -> dict[str, tuple[int, str]]:
    words = {}
    try:
        lines = path.read_text("utf-8").splitlines()
        for line in lines:
            word, count, tag = line.split(" ")
            if word[0] != "地" or tag != "l":  # 地走了 and its like are no words
                words[word] = (max(int(count), 1), sys.intern(tag))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise SecoustiError(
            f"the word list {path} cannot be read ({error}); reinstall jieba"
        ) from None
    return words
