"""Part-of-speech tags for homographs: rules over neighbouring words, or gruut's tagger."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from secousti.errors import SecoustiError, install_command, require

Tagger = Callable[[Sequence[str]], list[str]]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DETERMINERS = _words(
    "a an the this these those my your his her its our their no some any each every another "
    "whose which both many few several one two three four five six seven eight nine ten"
)
_OBJECTS = _words("me you him her it us them myself yourself himself herself themselves everything")
_SUBJECTS = _words("i you we they he she it who people everyone everybody nobody")
_PREPOSITIONS = _words("of in on at for with from by about into over under during without per")
_MODALS = _words(
    "to will would can could shall should may might must cannot do does did don't doesn't didn't "
    "won't wouldn't can't couldn't shouldn't mustn't please let's lets i'll you'll we'll they'll "
    "he'll she'll it'll i'd you'd we'd they'd he'd she'd help not never always often"
)
_BE = _words("am is are was were be been being i'm you're we're they're he's she's it's isn't "
             "aren't wasn't weren't feels looks seems becomes very so too quite")  # fmt: skip
_HAVE = _words("have has had having i've you've we've they've haven't hasn't hadn't already just")
_PAST = _words("yesterday ago last earlier before once when was were had already then previously")
_AUXILIARIES = _words("do does did will would can could should may might must shall")
_FINITE = _words("is are was were has had have will would can could should must may shows says")
_ADJECTIVES = _words("new old good bad big small great long short strong high low world first last "
                     "own public military hot cold next major early late whole same")  # fmt: skip
_ADJECTIVE_ENDING = re.compile(r".{3,}(ous|ful|ive|able|ible|al|ic|less)$")


def rule_tags(words: Sequence[str]) -> list[str]:
    """A Penn Treebank tag a word ("NN", "VB", "VBD", "JJ"), from its neighbours alone.

    Meant for homographs: it tells noun, verb, past tense and adjective apart where the context
    is plain, and calls everything else a noun.
    """
    return [_rule_tag(words, index) for index in range(len(words))]


def gruut_tags() -> Tagger:
    """The conditional random field shipped with gruut (Penn Treebank tags).

    Raises:
        SecoustiError: gruut or its English data is not installed.
    """
    package = importlib.util.find_spec("gruut_lang_en")
    if package is None or package.origin is None:
        raise SecoustiError(
            "the gruut tagger needs gruut with its English data; install it with: "
            + install_command("g2p")
        )
    model = Path(package.origin).parent / "pos" / "model.crf"
    tagger = require("gruut.pos", "g2p").PartOfSpeechTagger(model)
    return lambda words: list(tagger(list(words))) if words else []


def _rule_tag(words: Sequence[str], index: int) -> str:
    word = words[index]
    before = words[index - 1] if index else ""
    after = words[index + 1] if index + 1 < len(words) else ""
    if word == "read":
        return _read_tag(words, index)
    if word == "live" and not index and after in _PREPOSITIONS:
        return "JJ"  # Live from New York
    if word == "subject" and after == "to" and before not in _MODALS | _SUBJECTS:
        return "JJ"
    if word in ("aged", "learned"):
        return "JJ" if before in ("a", "an", "the") and _is_modifier_here(after) else "VBD"
    if before in _HAVE or (before in _BE and word.endswith(("ed", "wound"))):
        return "VBN"
    if before in _BE:
        return "JJ"
    if before in _MODALS:
        return "VB"
    if before in _DETERMINERS or before in _ADJECTIVES or _ADJECTIVE_ENDING.match(before):
        return "JJ" if _is_modifier_here(after) else "NN"
    if before.endswith("'s") and before[:-2] not in _SUBJECTS:
        return "NN"
    if before in _SUBJECTS or before.endswith("ly"):
        return "VBD" if word == "wound" else "VB"
    if before in _PREPOSITIONS or after in _FINITE or after == "of":
        return "NN"
    if after in _DETERMINERS or after in _OBJECTS or (not before.isalpha() and after == "to"):
        return "VBD" if word == "wound" else "VB"
    if before and before[-1] in "abcdefghijklmnopqrstuvwxyz" and after in _PREPOSITIONS:
        verb = word.endswith("s") and index > 1  # "Strange objects in the sky" has none
        return "VB" if verb or before.endswith("s") else "NN"
    return "UNKNOWN"


def _is_modifier_here(after: str) -> bool:
    """True when a content word follows: "the perfect day" against "the record of"."""
    function_words = _FINITE | _PREPOSITIONS | _MODALS | _DETERMINERS | _SUBJECTS
    return after.isalpha() and after not in function_words and after not in ("and", "or", "that")


def _read_tag(words: Sequence[str], index: int) -> str:
    before = words[index - 1] if index else ""
    if before in _HAVE or before in _BE or (index > 1 and words[index - 2] in _HAVE):
        return "VBN"
    if before in _MODALS or (index > 1 and words[index - 2] in _AUXILIARIES):
        return "VB"
    if before in ("he", "she", "it"):
        return "VBD"
    context = set(words)
    past = context & _PAST or any(w.endswith("ed") and len(w) > 4 for w in words)
    return "VBD" if past and before else "VB"
