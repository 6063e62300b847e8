"""Other text front ends behind one call: a text to a list of phones or pinyin syllables."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from functools import lru_cache

from secousti.errors import require
from secousti.text.english.lexicon import Lexicon
from secousti.text.english.tagging import gruut_tags

Reader = Callable[[str], list[str]]
_IPA = {
    "tʃ": "CH", "dʒ": "JH", "aɪə": "AY AH", "aɪ": "AY", "aʊ": "AW", "ɔɪ": "OY", "eɪ": "EY",
    "oʊ": "OW", "ɜː": "ER", "ɚ": "ER", "iː": "IY", "uː": "UW", "ɑː": "AA", "ɔː": "AO", "oː": "AO",
    "i": "IY", "u": "UW", "ɒ": "AA", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ᵻ": "IH", "ɪ": "IH",
    "ɛ": "EH", "æ": "AE", "ʊ": "UH", "o": "OW", "e": "EY", "a": "AA", "ɹ": "R", "ɾ": "T",
    "θ": "TH", "ð": "DH", "ʃ": "SH", "ʒ": "ZH", "ŋ": "NG", "j": "Y", "ɡ": "G", "h": "HH",
    "n̩": "AH N", "l̩": "AH L", **{c: c.upper() for c in "bdfgklmnprstvwz"},
}  # fmt: skip
_IPA_TOKEN = re.compile("|".join(sorted(map(re.escape, _IPA), key=len, reverse=True)))


def g2p_en_reader() -> tuple[str, Reader]:
    """g2p_en; without its NLTK data, CMU's dictionary and gruut's tagger stand in for them."""
    nltk = require("nltk", "g2p")
    try:
        nltk.data.find("taggers/averaged_perceptron_tagger.zip")
        nltk.data.find("corpora/cmudict.zip")
        name = "g2p_en"
    except LookupError:
        _stand_in(nltk)
        name = "g2p_en (gruut's tagger)"
    g2p = require("g2p_en", "g2p").G2p()
    return name, lambda text: [p for p in g2p(text) if p[:1].isalpha()]


def _stand_in(nltk: object) -> None:
    lexicon, tag = Lexicon(), gruut_tags()
    words = {word: lexicon.all(word) for word in lexicon.words()}
    nltk.data.find = lambda *_: None  # type: ignore[attr-defined]
    nltk.pos_tag = lambda tokens: list(zip(tokens, tag(tokens), strict=True))  # type: ignore[attr-defined]
    nltk.corpus.cmudict = type("Dictionary", (), {"dict": staticmethod(lambda: words)})  # type: ignore[attr-defined]


@lru_cache(maxsize=4096)
def espeak(text: str, voice: str, mode: str) -> str:
    """What espeak-ng prints for ``text``; ``mode`` is ``--ipa`` or ``-x``."""
    command = ["espeak-ng", "-q", "-v", voice, mode, text.replace("\n", " ")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def espeak_english(text: str) -> list[str]:
    """ARPAbet without stress from espeak-ng's American English."""
    found = _IPA_TOKEN.findall(espeak(" " + text, "en-us", "--ipa"))
    return " ".join(_IPA[token] for token in found).split()


def espeak_mandarin(text: str) -> list[str]:
    """espeak-ng's own syllables with the pitch contour as digits."""
    said = espeak(" " + text, "cmn-latn-pinyin", "-x")
    return re.findall(r"[^\s_|]+", re.sub(r"\([a-z-]+\)|[,'%]", "", said))


def pypinyin_reader() -> tuple[str, Reader]:
    """pypinyin with its tone changes; what it cannot read stays as it is."""
    pypinyin = require("pypinyin", "data")

    def read(text: str) -> list[str]:
        said = pypinyin.lazy_pinyin(
            text,
            style=pypinyin.Style.TONE3,
            neutral_tone_with_five=True,
            v_to_u=False,
            tone_sandhi=True,
        )
        return [syllable for part in said for syllable in re.findall(r"\w+", part)]

    return f"pypinyin {pypinyin.__version__}", read
