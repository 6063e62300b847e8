"""One phoneme inventory for English and Mandarin, with ids that never change.

English is ARPAbet with stress on its vowels (``AH0``), in capitals as in the CMU dictionary.
Mandarin is a phonological initial and final in lower case with the tone on the final
(``zh`` ``uang1``); the neutral tone is 5, ü is written ``v``, the apical vowels of 资 and 知 are
``ii`` and ``iii``, and er-hua is the coda ``rr`` after the unchanged final (花儿 = ``h ua1 rr``).
The two languages share silence and punctuation and no letter case, so a mixed sentence is one
sequence of ids. New symbols may only be appended: trained weights index these ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from secousti.errors import SecoustiError

PAD = "<pad>"
UNKNOWN = "<unk>"
SILENCE = "sil"
NOISE = "spn"  # a breath, a laugh, a word nobody could transcribe
IGNORE = -1  # frame label of a frame that no alignment covers

PUNCTUATION = (",", ".", "?", "!", ";", ":", "-", "…", '"', "(", ")")
ARPABET_CONSONANTS = tuple("B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split())
ARPABET_VOWELS = tuple("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())
PINYIN_INITIALS = tuple("b p m f d t n l g k h j q x zh ch sh r z c s".split())
PINYIN_FINALS = tuple(
    "a o e eh i ii iii u v er ai ei ao ou an en ang eng ong "
    "ia ie iao iou ian in iang ing iong io ua uo uai uei uan uen uang ueng "
    "ve van vn m n ng".split()
)
ERHUA = "rr"

SYMBOLS: tuple[str, ...] = (
    PAD,
    UNKNOWN,
    SILENCE,
    NOISE,
    *PUNCTUATION,
    *ARPABET_CONSONANTS,
    *(f"{vowel}{stress}" for vowel in ARPABET_VOWELS for stress in "012"),
    *PINYIN_INITIALS,
    *(f"{final}{tone}" for final in PINYIN_FINALS for tone in "12345"),
    ERHUA,
)
NUM_SYMBOLS = len(SYMBOLS)
_ID_OF = {symbol: index for index, symbol in enumerate(SYMBOLS)}

_SILENCES = {"", "sil", "sp", "pau", "_", "_:", "<eps>", "<s>", "</s>", "<sil>", "h#", "#"}
_NOISES = {"spn", "nsn", "oov", "<unk>", "[noise]", "+noise+", "+nsn+", "+spn+"}
_REDUCED = {"AX": "AH0", "AXR": "ER0", "IX": "IH0", "AH": "AH0", "ER": "ER0"}
_KALDI_POSITION = re.compile(r"_[BIES]$")


def symbol_ids(symbols: Iterable[str]) -> list[int]:
    """Ids of inventory symbols, in order.

    Raises:
        SecoustiError: a symbol is not in the inventory (``canonical`` maps foreign labels to it).
    """
    try:
        return [_ID_OF[symbol] for symbol in symbols]
    except KeyError as error:
        raise SecoustiError(
            f"{error.args[0]!r} is not a phoneme symbol of the inventory; pass a label of another "
            "convention through secousti.text.inventory.canonical first"
        ) from None


def symbols_of(ids: Sequence[int]) -> list[str]:
    """Symbols of ids, in order.

    Raises:
        SecoustiError: an id lies outside ``0 ... NUM_SYMBOLS - 1``.
    """
    for index in ids:
        if not 0 <= index < NUM_SYMBOLS:
            raise SecoustiError(f"phoneme id {index} lies outside 0 ... {NUM_SYMBOLS - 1}")
    return [SYMBOLS[index] for index in ids]


def canonical(label: str, language: str | None = None) -> str | None:
    """The inventory symbol of a label as aligners and corpora write it, or None.

    Understands silence and noise marks (``sp``, ``pau``, an empty label), Kaldi's position suffix
    (``AH0_B``), lower-case and reduced ARPAbet (``ax``) when ``language`` is ``"en"``, and ``ü``
    and ``ê`` when it is ``"zh"``, where English symbols stay what they are: English words occur
    in Mandarin sentences. An aligner's ``<unk>`` is a noise.
    An English vowel without a stress digit is read as stressed, save ``AH`` and ``ER``, which
    mostly are not.
    """
    label = label.strip()
    if label.lower() in _SILENCES:
        return SILENCE
    if label.lower() in _NOISES:
        return NOISE
    label = _KALDI_POSITION.sub("", label)
    if language == "zh":
        if label in _ID_OF:
            return label
        label = label.lower().replace("ü", "v").replace("ê", "eh")
    elif language == "en":
        label = label.upper()
    label = _REDUCED.get(label, label)
    if label in ARPABET_VOWELS:
        label += "1"
    return label if label in _ID_OF else None


def is_silence(symbol: str) -> bool:
    """True for what has no sound of its own: silence, padding and punctuation."""
    return symbol in (SILENCE, PAD) or symbol in PUNCTUATION


def is_vowel(symbol: str) -> bool:
    """True for an English vowel or a Mandarin final (both carry a digit)."""
    return symbol[-1:].isdigit() and symbol in _ID_OF


def language_of(symbol: str) -> str | None:
    """``"en"`` or ``"zh"``, None for symbols that both languages share."""
    index = _ID_OF.get(symbol, 0)
    if index < _ID_OF[ARPABET_CONSONANTS[0]]:
        return None
    return "en" if index < _ID_OF[PINYIN_INITIALS[0]] else "zh"
