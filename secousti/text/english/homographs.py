"""Words of one spelling and several pronunciations, chosen by part of speech or by neighbours.

A line is ``word  CLASS phonemes | CLASS phonemes``; the first reading is the default. Classes: N
noun, V verb, P past tense or participle (where it differs from V), J adjective or adverb.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_TABLE = """
abstract N AE1 B S T R AE0 K T | J AE1 B S T R AE0 K T | V AE0 B S T R AE1 K T
abuse N AH0 B Y UW1 S | V AH0 B Y UW1 Z
addict N AE1 D IH0 K T | V AH0 D IH1 K T
advocate N AE1 D V AH0 K AH0 T | V AE1 D V AH0 K EY2 T
affiliate N AH0 F IH1 L IY0 AH0 T | V AH0 F IH1 L IY0 EY2 T
aggregate N AE1 G R AH0 G AH0 T | J AE1 G R AH0 G AH0 T | V AE1 G R AH0 G EY2 T
alternate J AO1 L T ER0 N AH0 T | N AO1 L T ER0 N AH0 T | V AO1 L T ER0 N EY2 T
approximate J AH0 P R AA1 K S AH0 M AH0 T | V AH0 P R AA1 K S AH0 M EY2 T
articulate J AA0 R T IH1 K Y AH0 L AH0 T | V AA0 R T IH1 K Y AH0 L EY2 T
associate N AH0 S OW1 SH IY0 AH0 T | J AH0 S OW1 SH IY0 AH0 T | V AH0 S OW1 SH IY0 EY2 T
attribute N AE1 T R AH0 B Y UW2 T | V AH0 T R IH1 B Y UW0 T
bow N B OW1 | V B AW1
close J K L OW1 S | N K L OW1 Z | V K L OW1 Z
combat N K AA1 M B AE0 T | V K AH0 M B AE1 T
combine V K AH0 M B AY1 N | N K AA1 M B AY0 N
compact J K AH0 M P AE1 K T | N K AA1 M P AE0 K T | V K AH0 M P AE1 K T
complex J K AH0 M P L EH1 K S | N K AA1 M P L EH0 K S
compound N K AA1 M P AW0 N D | J K AA1 M P AW0 N D | V K AH0 M P AW1 N D
compress V K AH0 M P R EH1 S | N K AA1 M P R EH0 S
conduct N K AA1 N D AH0 K T | V K AH0 N D AH1 K T
conflict N K AA1 N F L IH0 K T | V K AH0 N F L IH1 K T
console N K AA1 N S OW0 L | V K AH0 N S OW1 L
construct V K AH0 N S T R AH1 K T | N K AA1 N S T R AH0 K T
content N K AA1 N T EH0 N T | J K AH0 N T EH1 N T | V K AH0 N T EH1 N T
contest N K AA1 N T EH0 S T | V K AH0 N T EH1 S T
contract N K AA1 N T R AE2 K T | V K AH0 N T R AE1 K T
contrast N K AA1 N T R AE0 S T | V K AH0 N T R AE1 S T
converse V K AH0 N V ER1 S | N K AA1 N V ER0 S
convert V K AH0 N V ER1 T | N K AA1 N V ER0 T
convict V K AH0 N V IH1 K T | N K AA1 N V IH0 K T
coordinate V K OW0 AO1 R D AH0 N EY2 T | N K OW0 AO1 R D AH0 N AH0 T
defect N D IY1 F EH0 K T | V D IH0 F EH1 K T
delegate N D EH1 L AH0 G AH0 T | V D EH1 L AH0 G EY2 T
deliberate J D IH0 L IH1 B ER0 AH0 T | V D IH0 L IH1 B ER0 EY2 T
desert N D EH1 Z ER0 T | V D IH0 Z ER1 T
diffuse V D IH0 F Y UW1 Z | J D IH0 F Y UW1 S
digest V D AY0 JH EH1 S T | N D AY1 JH EH0 S T
discharge V D IH0 S CH AA1 R JH | N D IH1 S CH AA2 R JH
document N D AA1 K Y AH0 M AH0 N T | V D AA1 K Y AH0 M EH2 N T
dove N D AH1 V | V D OW1 V | P D OW1 V
duplicate J D UW1 P L AH0 K AH0 T | N D UW1 P L AH0 K AH0 T | V D UW1 P L AH0 K EY2 T
elaborate J IH0 L AE1 B R AH0 T | V IH0 L AE1 B ER0 EY2 T
entrance N EH1 N T R AH0 N S | V EH0 N T R AE1 N S
escort N EH1 S K AO0 R T | V EH0 S K AO1 R T
estimate N EH1 S T AH0 M AH0 T | V EH1 S T AH0 M EY2 T
excerpt N EH1 K S ER0 P T | V EH0 K S ER1 P T
excuse N IH0 K S K Y UW1 S | V IH0 K S K Y UW1 Z
exploit V EH2 K S P L OY1 T | N EH1 K S P L OY2 T
export N EH1 K S P AO0 R T | V IH0 K S P AO1 R T
extract V IH0 K S T R AE1 K T | N EH1 K S T R AE2 K T
graduate N G R AE1 JH AH0 W AH0 T | J G R AE1 JH AH0 W AH0 T | V G R AE1 JH AH0 W EY2 T
house N HH AW1 S | V HH AW1 Z
impact N IH1 M P AE0 K T | V IH0 M P AE1 K T
implant N IH1 M P L AE2 N T | V IH0 M P L AE1 N T
import N IH1 M P AO2 R T | V IH0 M P AO1 R T
incense N IH1 N S EH2 N S | V IH0 N S EH1 N S
increase N IH1 N K R IY2 S | V IH0 N K R IY1 S
decrease N D IY1 K R IY2 S | V D IH0 K R IY1 S
initiate V IH0 N IH1 SH IY0 EY2 T | N IH0 N IH1 SH IY0 AH0 T
insert V IH0 N S ER1 T | N IH1 N S ER2 T
insult N IH1 N S AH2 L T | V IH0 N S AH1 L T
intimate J IH1 N T AH0 M AH0 T | V IH1 N T AH0 M EY2 T
invalid J IH0 N V AE1 L AH0 D | N IH1 N V AH0 L AH0 D
invite V IH0 N V AY1 T | N IH1 N V AY0 T
lead V L IY1 D | N L IY1 D | J L IY1 D
live V L IH1 V | J L AY1 V
lives V L IH1 V Z | N L AY1 V Z
aged V EY1 JH D | J EY1 JH IH0 D
learned V L ER1 N D | J L ER1 N IH0 D
minute N M IH1 N AH0 T
moderate J M AA1 D ER0 AH0 T | N M AA1 D ER0 AH0 T | V M AA1 D ER0 EY2 T
mouth N M AW1 TH | V M AW1 DH
object N AA1 B JH EH0 K T | V AH0 B JH EH1 K T
overlap N OW1 V ER0 L AE2 P | V OW2 V ER0 L AE1 P
perfect J P ER1 F IH2 K T | V P ER0 F EH1 K T
permit N P ER1 M IH2 T | V P ER0 M IH1 T
present N P R EH1 Z AH0 N T | J P R EH1 Z AH0 N T | V P R IY0 Z EH1 N T
proceeds N P R OW1 S IY2 D Z | V P R AH0 S IY1 D Z
produce V P R AH0 D UW1 S | N P R OW1 D UW0 S
progress N P R AA1 G R EH2 S | V P R AH0 G R EH1 S
project N P R AA1 JH EH0 K T | V P R AH0 JH EH1 K T
protest N P R OW1 T EH2 S T | V P R OW0 T EH1 S T
read V R IY1 D | N R IY1 D | P R EH1 D
rebel N R EH1 B AH0 L | V R IH0 B EH1 L
recall V R IH0 K AO1 L | N R IY1 K AO2 L
record N R EH1 K ER0 D | V R IH0 K AO1 R D
recount V R IH0 K AW1 N T | N R IY1 K AW2 N T
refund N R IY1 F AH2 N D | V R IH0 F AH1 N D
refuse V R IH0 F Y UW1 Z | N R EH1 F Y UW2 Z
reject V R IH0 JH EH1 K T | N R IY1 JH EH0 K T
research N R IY1 S ER0 CH | V R IH0 S ER1 CH
resume V R IH0 Z UW1 M | N R EH1 Z AH0 M EY2
rewrite V R IY0 R AY1 T | N R IY1 R AY2 T
row N R OW1 | V R OW1
segment N S EH1 G M AH0 N T | V S EH2 G M EH1 N T
separate J S EH1 P ER0 AH0 T | V S EH1 P ER0 EY2 T
subject N S AH1 B JH IH0 K T | J S AH1 B JH IH0 K T | V S AH0 B JH EH1 K T
subordinate N S AH0 B AO1 R D AH0 N AH0 T | V S AH0 B AO1 R D AH0 N EY2 T
survey N S ER1 V EY2 | V S ER0 V EY1
suspect N S AH1 S P EH2 K T | V S AH0 S P EH1 K T
tear N T IH1 R | V T EH1 R
torment N T AO1 R M EH2 N T | V T AO0 R M EH1 N T
transfer N T R AE1 N S F ER0 | V T R AE0 N S F ER1
transform V T R AE0 N S F AO1 R M | N T R AE1 N S F AO0 R M
transplant N T R AE1 N S P L AE2 N T | V T R AE0 N S P L AE1 N T
transport N T R AE1 N S P AO0 R T | V T R AE0 N S P AO1 R T
update N AH1 P D EY2 T | V AH0 P D EY1 T
upgrade N AH1 P G R EY2 D | V AH0 P G R EY1 D
upset J AH0 P S EH1 T | V AH0 P S EH1 T | N AH1 P S EH2 T
use N Y UW1 S | V Y UW1 Z
wind N W IH1 N D | V W AY1 N D
wound N W UW1 N D | V W UW1 N D | P W AW1 N D
"""

# word -> [(words nearby, phonemes)]: meanings that share a part of speech.
_CUES = {
    "bass": [("fishing fish sea lake river caught largemouth striped grilled pond", "B AE1 S")],
    "lead": [("pipe pipes paint poisoning acid crystal bullet metal solder contaminated "
              "gasoline zinc copper heavy weighs made lined roof sheet", "L EH1 D")],
    "row": [("argument shouting blazing furious about quarrel", "R AW1")],
    "bow": [("ship ship's stern sailor boat deck curtain audience applause "
             "took take taking", "B AW1"),
            ("tie arrow arrows violin ribbon hair", "B OW1")],
    "tear": [("fabric muscle ligament hole wear", "T EH1 R")],
    "live": [("music show concert broadcast stream streaming audience album wire performance "
              "band recording television tv", "L AY1 V")],
    "close": [("door doors window windows shop store account curtain lid", "K L OW1 Z")],
    "sewer": [("thread seamstress stitching", "S OW1 ER0")],
    "dove": [("pool water into deep sea dived", "D OW1 V")],
    "polish": [("poland warsaw people sausage citizen government language vodka immigrant army "
                "restaurant food city president woman man speaks born american",
                "P OW1 L IH0 SH")],
    "wound": [("up clock watch around down", "W AW1 N D")],
    "combine": [("harvester harvesters", "K AA1 M B AY0 N")],
    "minute": [("detail details amount amounts particles differences traces", "M AY0 N UW1 T")],
}  # fmt: skip
_CUE_DEFAULTS = {
    "bass": "B EY1 S", "sewer": "S UW1 ER0", "polish": "P AA1 L IH0 SH",
}  # fmt: skip
_REACH = 3  # words on either side in which a cue counts


class Homographs:
    """Pronunciation by part of speech: ``homographs(words, index, tag)``."""

    def __init__(self) -> None:
        self._readings = dict(map(_parse, _lines()))
        for word, readings in list(self._readings.items()):
            plural = word + "s"
            if plural not in self._readings and not word.endswith(("s", "ss", "x")):
                self._readings[plural] = {tag: with_s(p) for tag, p in readings.items()}
        self._cues = {
            word: [(set(near.split()), phonemes.split()) for near, phonemes in cues]
            for word, cues in _CUES.items()
        }

    def __contains__(self, word: object) -> bool:
        return word in self._readings or word in self._cues

    def __call__(self, words: Sequence[str], index: int, tag: str) -> list[str]:
        """Phonemes of ``words[index]`` given its Penn Treebank tag."""
        word = words[index]
        kinds = self._readings.get(word, {})
        near = _neighbours(words, index)
        if not tag.startswith("VB") or word not in self._readings:
            for cue, phonemes in self._cues.get(word, []):
                if cue & near:
                    return list(phonemes)
        if not kinds:
            return _CUE_DEFAULTS[word].split()
        return list(kinds.get(_kind(tag, kinds), next(iter(kinds.values()))))

    def kinds(self, word: str) -> set[str]:
        """Classes that ``word`` has a reading for."""
        return set(self._readings.get(word, ()))


def _neighbours(words: Sequence[str], index: int) -> set[str]:
    """Up to ``_REACH`` words on either side, not beyond a punctuation mark."""
    near: set[str] = set()
    for step in (-1, 1):
        for place in range(index + step, index + step * (_REACH + 1), step):
            if not 0 <= place < len(words) or not words[place][0].isalpha():
                break
            near.add(words[place])
    return near


def with_s(phonemes: Sequence[str]) -> list[str]:
    """Phonemes with the plural, possessive or third-person ending."""
    last = re.sub(r"\d", "", phonemes[-1])
    if last in ("S", "Z", "SH", "ZH", "CH", "JH"):
        return [*phonemes, "AH0", "Z"]
    return [*phonemes, "S" if last in ("P", "T", "K", "F", "TH") else "Z"]


def _kind(tag: str, kinds: dict[str, list[str]]) -> str:
    if tag in ("VBD", "VBN") and "P" in kinds:
        return "P"
    return {"NN": "N", "VB": "V", "JJ": "J", "RB": "J"}.get(tag[:2], "")


def _lines() -> list[str]:
    return _TABLE.strip().splitlines()


def _parse(line: str) -> tuple[str, dict[str, list[str]]]:
    word, _, rest = line.partition(" ")
    readings = {}
    for reading in rest.split("|"):
        kind, *phonemes = reading.split()
        readings[kind] = phonemes
    return word, readings
