"""The English pronouncing dictionary: CMU's (see data/cmudict.LICENSE) and words it has not met."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from importlib.resources import files

from secousti.errors import SecoustiError

LETTERS = {
    "A": "EY1", "B": "B IY1", "C": "S IY1", "D": "D IY1", "E": "IY1", "F": "EH1 F",
    "G": "JH IY1", "H": "EY1 CH", "I": "AY1", "J": "JH EY1", "K": "K EY1", "L": "EH1 L",
    "M": "EH1 M", "N": "EH1 N", "O": "OW1", "P": "P IY1", "Q": "K Y UW1", "R": "AA1 R",
    "S": "EH1 S", "T": "T IY1", "U": "Y UW1", "V": "V IY1", "W": "D AH1 B AH0 L Y UW0",
    "X": "EH1 K S", "Y": "W AY1", "Z": "Z IY1",
}  # fmt: skip

_NEWER = {
    "covid": "K OW1 V IH0 D", "wifi": "W AY1 F AY2", "emoji": "IH0 M OW1 JH IY0",
    "bitcoin": "B IH1 T K OY2 N", "selfie": "S EH1 L F IY0", "tiktok": "T IH1 K T AA2 K",
    "wikipedia": "W IH2 K IH0 P IY1 D IY0 AH0", "linux": "L IH1 N AH0 K S",
    "codec": "K OW1 D EH2 K", "gif": "G IH1 F", "meme": "M IY1 M", "quinoa": "K IY1 N W AA0",
    "wechat": "W IY1 CH AE2 T", "alipay": "AE1 L IH0 P EY2", "huawei": "W AA1 W EY2",
    "xiaomi": "SH AW1 M IY2", "taobao": "T AW1 B AW2", "chatgpt": "CH AE1 T JH IY2 P IY2 T IY1",
    "brexit": "B R EH1 G Z IH0 T", "uber": "UW1 B ER0", "airbnb": "EH2 R B IY2 EH1 N B IY0",
    "vlog": "V L AO1 G", "ebook": "IY1 B UH2 K", "sudoku": "S UW0 D OW1 K UW0",
    "miz": "M IH1 Z", "o'clock": "AH0 K L AA1 K", "kilobit": "K IH1 L AH0 B IH2 T",
    "megabit": "M EH1 G AH0 B IH2 T", "gigabit": "G IH1 G AH0 B IH2 T",
    "kilohertz": "K IH1 L AH0 HH ER2 T S", "gigahertz": "G IH1 G AH0 HH ER2 T S",
    "milliamp": "M IH1 L IY0 AE2 M P", "celsius": "S EH1 L S IY0 AH0 S",
}  # fmt: skip


class Lexicon:
    """Pronunciations by word in lower case.

    Raises:
        SecoustiError: the dictionary shipped with the package is missing.
    """

    def __init__(self) -> None:
        self._entries: dict[str, list[str]] = {}
        for word, pronunciation in _dictionary_lines():
            self._entries.setdefault(word, []).append(pronunciation)
        for word, pronunciation in _NEWER.items():
            self._entries[word] = [pronunciation]

    def __contains__(self, word: object) -> bool:
        return word in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def words(self) -> list[str]:
        """Every word that has a pronunciation."""
        return list(self._entries)

    def get(self, word: str) -> list[str] | None:
        """Phonemes of the first pronunciation, or None."""
        entry = self._entries.get(word)
        return entry[0].split() if entry else None

    def all(self, word: str) -> list[list[str]]:
        """Every pronunciation, the usual one first; empty for an unknown word."""
        return [pronunciation.split() for pronunciation in self._entries.get(word, [])]


def _dictionary_lines() -> Iterator[tuple[str, str]]:
    try:
        packed = (files("secousti.text") / "data" / "cmudict.gz").read_bytes()
    except FileNotFoundError:
        raise SecoustiError(
            "the dictionary secousti/text/data/cmudict.gz is missing; reinstall secousti"
        ) from None
    for line in gzip.decompress(packed).decode("utf-8").splitlines():
        word, _, pronunciation = line.partition(" ")
        yield word, pronunciation
