"""What can be wrong with a corpus: a fault has a kind, a name and a reason, and stops nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from secousti.paths import readable

# kind -> (what it means, whether the utterance is left out)
KINDS: dict[str, tuple[str, bool]] = {
    "bad manifest line": ("not JSON, not UTF-8, or a field is missing or wrong", True),
    "missing audio": ("a transcript or manifest names audio that is not there", True),
    "unreadable audio": ("not audio, or it breaks off", True),
    "empty audio": ("no samples, or digital silence throughout", True),
    "too short": ("shorter than --min-seconds", True),
    "too long": ("longer than --max-seconds", True),
    "clipped": ("more than 1 % of the samples at full scale", True),
    "low sample rate": ("below --min-sample-rate: the high frequencies are missing", True),
    "duplicate id": ("an utterance of this name came before", True),
    "wrong duration": (
        "the manifest gives another length; kept with the measured one",
        False,
    ),
    "missing transcript": ("kept without text: trains all but the contrastive loss", False),
    "transcript not UTF-8": ("kept without text; convert the file, e.g. with iconv", False),
    "unknown language": ("kept without phonemes: trains all but the contrastive loss", False),
    "unknown characters": ("kept; each run of them is one <unk> among the phonemes", False),
    "bad alignment": ("kept without alignment: labels outside the inventory or times amiss", False),
    "speaker in both splits": ("as the given validation manifest wants it", False),
}


@dataclass(frozen=True)
class Fault:
    """One fault: ``kind`` is a key of ``KINDS``, ``name`` the utterance or file, ``reason`` why."""

    kind: str
    name: str
    reason: str

    def __post_init__(self) -> None:
        """File names that are not UTF-8 become text that can be written anywhere."""
        object.__setattr__(self, "name", readable(self.name))
        object.__setattr__(self, "reason", readable(self.reason))


OnFault = Callable[[Fault], None]
