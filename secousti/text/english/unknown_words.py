"""Pronunciations of words outside the dictionary, from what is inside it or from spelling rules."""

from __future__ import annotations

import re

from secousti.text.english.homographs import with_s
from secousti.text.english.lexicon import LETTERS, Lexicon

_SUFFIXES = [
    ("ing", "IH0 NG"), ("ings", "IH0 NG Z"), ("er", "ER0"), ("ers", "ER0 Z"),
    ("est", "AH0 S T"), ("ly", "L IY0"), ("ness", "N AH0 S"), ("less", "L AH0 S"),
    ("ful", "F AH0 L"), ("ment", "M AH0 N T"), ("ments", "M AH0 N T S"), ("able", "AH0 B AH0 L"),
    ("ish", "IH0 SH"), ("like", "L AY2 K"), ("ship", "SH IH2 P"), ("wise", "W AY2 Z"),
    ("ism", "IH2 Z AH0 M"), ("ist", "AH0 S T"), ("y", "IY0"),
]  # fmt: skip
_PREFIXES = [
    ("un", "AH0 N"), ("re", "R IY0"), ("pre", "P R IY0"), ("non", "N AA0 N"),
    ("anti", "AE2 N T IY0"), ("over", "OW2 V ER0"), ("under", "AH2 N D ER0"), ("mis", "M IH0 S"),
    ("super", "S UW2 P ER0"), ("inter", "IH2 N T ER0"), ("multi", "M AH2 L T IY0"),
    ("micro", "M AY2 K R OW0"), ("cyber", "S AY2 B ER0"), ("dis", "D IH0 S"), ("co", "K OW0"),
    ("sub", "S AH2 B"), ("semi", "S EH2 M IY0"), ("mega", "M EH2 G AH0"), ("out", "AW2 T"),
]  # fmt: skip
_CONTRACTIONS = {
    "'ve": "AH0 V", "'d": "D", "'ll": "AH0 L", "'re": "ER0", "'m": "M", "n't": "AH0 N T",
    "'s": "", "s'": "", "'": "",
}  # fmt: skip

# Longest match first at each place: (letters, what must follow, phonemes). V marks a vowel letter.
_SPELLING = [
    ("tion", "", "SH AH0 N"), ("sion", "", "ZH AH0 N"), ("cious", "", "SH AH0 S"),
    ("tious", "", "SH AH0 S"), ("ture", "$", "CH ER0"), ("ough", "", "OW1"), ("augh", "", "AO1"),
    ("eigh", "", "EY1"), ("igh", "", "AY1"), ("tch", "", "CH"), ("sch", "", "SH"),
    ("dge", "", "JH"), ("que", "$", "K"), ("ous", "$", "AH0 S"), ("ck", "", "K"),
    ("ch", "", "CH"), ("sh", "", "SH"), ("th", "", "TH"), ("ph", "", "F"), ("wh", "", "W"),
    ("wr", "", "R"), ("kn", "", "N"), ("gn", "$", "N"), ("gh", "", "G"), ("ng", "$", "NG"),
    ("nk", "", "NG K"), ("qu", "", "K W"), ("ai", "", "EY1"), ("ay", "", "EY1"),
    ("au", "", "AO1"), ("aw", "", "AO1"), ("ea", "", "IY1"), ("ee", "", "IY1"),
    ("ei", "", "EY1"), ("eu", "", "Y UW1"), ("ew", "", "UW1"), ("ey", "$", "IY0"),
    ("ie", "", "IY1"), ("oa", "", "OW1"), ("oi", "", "OY1"), ("oo", "", "UW1"),
    ("ou", "", "AW1"), ("ow", "", "OW1"), ("oy", "", "OY1"), ("ue", "$", "UW1"),
    ("ar", "", "AA1 R"), ("er", "", "ER0"), ("ir", "", "ER1"), ("or", "", "AO1 R"),
    ("ur", "", "ER1"), ("le", "$", "AH0 L"), ("es", "$", "IH0 Z"), ("ed", "$", "D"),
    ("a", "[^aeiouy]e$", "EY1"), ("e", "[^aeiouy]e$", "IY1"), ("i", "[^aeiouy]e$", "AY1"),
    ("o", "[^aeiouy]e$", "OW1"), ("u", "[^aeiouy]e$", "UW1"), ("y", "[^aeiouy]e$", "AY1"),
    ("a", "$", "AH0"), ("e", "$", ""), ("i", "$", "IY0"), ("o", "$", "OW0"), ("u", "$", "UW0"),
    ("y", "$", "IY0"), ("y", "[aeiou]", "Y"), ("c", "[eiy]", "S"), ("g", "[eiy]", "JH"),
    ("x", "", "K S"), ("a", "", "AE1"), ("e", "", "EH1"), ("i", "", "IH1"), ("o", "", "AA1"),
    ("u", "", "AH1"), ("y", "", "IH1"), ("b", "", "B"), ("c", "", "K"), ("d", "", "D"),
    ("f", "", "F"), ("g", "", "G"), ("h", "", "HH"), ("j", "", "JH"), ("k", "", "K"),
    ("l", "", "L"), ("m", "", "M"), ("n", "", "N"), ("p", "", "P"), ("q", "", "K"),
    ("r", "", "R"), ("s", "", "S"), ("t", "", "T"), ("v", "", "V"), ("w", "", "W"),
    ("z", "", "Z"),
]  # fmt: skip


def from_parts(word: str, lexicon: Lexicon) -> list[str] | None:
    """A pronunciation put together from dictionary words: endings, prefixes, compounds."""
    for split in (_contraction, _inflection, _derivation, _prefixed, _compound):
        phonemes = split(word, lexicon)
        if phonemes:
            return phonemes
    return None


def from_spelling(word: str) -> list[str]:
    """A pronunciation by letter-to-sound rules; a word without vowel letters is spelled out.

    Always gives something: it is the last resort.
    """
    letters = re.sub(r"[^a-z]", "", word)
    if not re.search(r"[aeiouy]", letters):
        return [p for letter in letters for p in LETTERS[letter.upper()].split()]
    phonemes: list[str] = []
    position = 0
    while position < len(letters):
        length, sounds = _match(letters, position)
        phonemes += [p for p in sounds.split() if not phonemes or p != phonemes[-1]]
        position += length
    return _one_stress(phonemes)


def _match(letters: str, position: int) -> tuple[int, str]:
    for spelling, following, sounds in _SPELLING:
        end = position + len(spelling)
        if letters.startswith(spelling, position) and re.match(following, letters[end:]):
            return len(spelling), sounds
    raise AssertionError(f"no rule for {letters[position]!r}")  # every letter has a rule


def _one_stress(phonemes: list[str]) -> list[str]:
    """Keep the first full vowel stressed, give the others secondary or no stress."""
    stressed = [i for i, p in enumerate(phonemes) if p.endswith("1")]
    vowels = [i for i, p in enumerate(phonemes) if p[-1].isdigit()]
    if not stressed:
        stressed = vowels[:1]
    out = list(phonemes)
    for index in vowels:
        mark = "1" if index == stressed[0] else "0"
        out[index] = out[index][:-1] + mark
    return out


def _contraction(word: str, lexicon: Lexicon) -> list[str] | None:
    for ending, sounds in _CONTRACTIONS.items():
        base = word.removesuffix(ending)
        if base == word or not base:
            continue
        phonemes = lexicon.get(base) or from_parts(base, lexicon)
        if phonemes is None:
            return None
        if ending == "'s":
            return with_s(phonemes)
        if ending == "s'":
            return with_s(phonemes)
        return phonemes + sounds.split()
    return None


def _bases(stem: str) -> list[str]:
    """Dictionary forms a suffix may have come from: run(n), hop(e), happ(y)."""
    bases = [stem, stem + "e"]
    if len(stem) > 2 and stem[-1] == stem[-2]:
        bases.insert(0, stem[:-1])
    if stem.endswith("i"):
        bases.append(stem[:-1] + "y")
    return bases


def _inflection(word: str, lexicon: Lexicon) -> list[str] | None:
    if word.endswith("s") and not word.endswith("ss"):
        for base in (word[:-1], word[:-2] if word.endswith("es") else "",
                     word[:-3] + "y" if word.endswith("ies") else ""):  # fmt: skip
            if len(base) > 2 and (phonemes := lexicon.get(base) or _derivation(base, lexicon)):
                return with_s(phonemes)
    if word.endswith("ed"):
        for base in _bases(word[:-2]):
            if len(base) > 2 and (phonemes := lexicon.get(base) or _prefixed(base, lexicon)):
                return phonemes + _past(phonemes[-1])
    return None


def _past(last: str) -> list[str]:
    if last in ("T", "D"):
        return ["AH0", "D"]
    return ["T" if last in ("P", "K", "F", "TH", "S", "SH", "CH") else "D"]


def _derivation(word: str, lexicon: Lexicon) -> list[str] | None:
    for suffix, sounds in _SUFFIXES:
        stem = word.removesuffix(suffix)
        if stem == word or len(stem) < 3:
            continue
        for base in _bases(stem):
            if phonemes := lexicon.get(base):
                return phonemes + sounds.split()
    return None


def _prefixed(word: str, lexicon: Lexicon) -> list[str] | None:
    for prefix, sounds in _PREFIXES:
        stem = word.removeprefix(prefix)
        if stem == word or len(stem) < 4:
            continue
        phonemes = lexicon.get(stem) or _inflection(stem, lexicon) or _derivation(stem, lexicon)
        if phonemes:
            return sounds.split() + phonemes
    return None


def _compound(word: str, lexicon: Lexicon) -> list[str] | None:
    """Two dictionary words in one; the most even split, the second stressed less."""
    places = sorted(range(3, len(word) - 2), key=lambda place: abs(2 * place - len(word)))
    for place in places:
        first, second = lexicon.get(word[:place]), lexicon.get(word[place:])
        if first and second and min(place, len(word) - place) >= (3 if len(word) < 9 else 4):
            return first + [p.replace("1", "2") for p in second]
    return None
