"""What a user has (a folder or a manifest) as two manifests: one to train on, one held out."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from data_prep.corpora.source import find_sources
from data_prep.faults import Fault
from data_prep.manifest import Row, write_manifest
from data_prep.manifest_command import timed_rows
from secousti.errors import SecoustiError

LONGEST = 8.0  # seconds of a piece; PESQ and a listener want no more
_SHORTEST = 0.4  # seconds; nothing shorter is a crop
_HELD_OUT = 0.1  # of the speech
_MOST_HELD_OUT = 600.0  # seconds
_SPEAKERS = 10  # from so many on whole speakers are held out
_TRANSCRIPT = "missing transcript"  # no fault here


@dataclass(frozen=True)
class Recordings:
    """The two manifests of a job.

    Attributes:
        seconds: to train on. held_out: seconds. speakers: to train on.
        unseen_speakers: whether those held out speak nowhere else.
        texts: rows that have a text or phonemes. faults: recordings left out, by kind.
    """

    train: str
    valid: str
    seconds: float
    held_out: float
    speakers: int
    unseen_speakers: bool
    texts: int
    faults: dict[str, int]

    def about(self) -> str:
        """One line for people."""
        who = "other speakers" if self.unseen_speakers else "the same speakers"
        lost = "".join(f", {n} left out ({kind})" for kind, n in self.faults.items())
        return (
            f"{self.seconds / 60:.1f} min of {self.speakers} speakers to train on, "
            f"{self.held_out / 60:.1f} min of {who} held out{lost}"
        )

    def plain(self) -> dict[str, object]:
        """As JSON can say it."""
        return asdict(self)


def divide(recordings: Sequence[str], folder: Path, most: float = math.inf) -> Recordings:
    """Write ``train.jsonl`` and ``valid.jsonl`` of folders or manifests into ``folder``.

    Long recordings without a text are cut into pieces of at most 8 s. Where at least ten speak,
    whole speakers are held out, else every so many pieces. A folder that is divided already
    (``train.jsonl``, ``valid.jsonl``) stays so.

    Args:
        recordings: corpus folders or JSON Lines. folder: for the two manifests.
        most: seconds; of more speech as much is taken, evenly from all of it.

    Raises:
        SecoustiError: nothing is there, or too little to hold something out.
    """
    counts: Counter[str] = Counter()

    def note(fault: Fault) -> None:
        counts.update([fault.kind] if fault.kind != _TRANSCRIPT else [])

    parts: dict[bool, list[Row]] = {True: [], False: []}
    whole: list[Row] = []
    for source in find_sources([*recordings], None, None):
        rows = [piece for row in timed_rows([source], note) for piece in _pieces(row)]
        (parts[True] if source.split == "valid" else whole).extend(rows)
    whole = _thinned(whole, most)
    if not parts[True]:
        whole, parts[True] = _hold_out(whole)
    parts[False] = whole
    if not parts[False] or not parts[True]:
        found = len(parts[False]) + len(parts[True])
        found = len(parts[False]) + len(parts[True])
        raise SecoustiError(
            f"{', '.join(recordings)} holds too little speech: {found} usable recordings of at "
            f"least {_SHORTEST} s and at most {LONGEST:g} s, or pieces of longer ones; give two "
            "at least"
        )
    return _write(parts[False], parts[True], folder, counts)


def _write(train: list[Row], valid: list[Row], folder: Path, counts: Counter[str]) -> Recordings:
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"train": folder / "train.jsonl", "valid": folder / "valid.jsonl"}
    write_manifest(paths["train"], train)
    write_manifest(paths["valid"], valid)
    speakers = {row.speaker for row in train}
    return Recordings(
        train=str(paths["train"].resolve()),
        valid=str(paths["valid"].resolve()),
        seconds=_seconds(train),
        held_out=_seconds(valid),
        speakers=len(speakers),
        unseen_speakers=not speakers & {row.speaker for row in valid},
        texts=sum(bool(row.text or row.phones) for row in (*train, *valid)),
        faults=dict(counts),
    )


def _pieces(row: Row) -> Iterator[Row]:
    """A row as it is, or in equal pieces; what has a text stays whole."""
    count = 1 if row.text or row.phones else math.ceil(row.duration / LONGEST)
    length = row.duration / max(count, 1)
    if length < _SHORTEST:
        return
    if count == 1:
        yield row
        return
    first = row.offset or 0.0
    for n in range(count):
        start = first + n * length
        yield replace(row, offset=start, duration=length, id=f"{row.id}@{start:.2f}")


def _thinned(rows: list[Row], most: float) -> list[Row]:
    """Every so many of them, where they are more than ``most`` seconds."""
    share = min(most / max(_seconds(rows), 1e-9), 1.0)
    return [row for n, row in enumerate(rows) if int((n + 1) * share) > int(n * share)]


def _hold_out(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """(the rest, about a tenth): whole speakers, or pieces spread evenly."""
    wanted = min(_HELD_OUT * _seconds(rows), _MOST_HELD_OUT)
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.speaker].append(row)
    if len(groups) < _SPEAKERS:
        groups = {row.id: [row] for row in rows}
    names = sorted(groups)
    if len(names) < 2:
        return rows, []
    chosen: set[str] = set()
    held: list[Row] = []
    for name in _spread(names):
        if held and _seconds(held) >= wanted:
            break
        chosen.add(name)
        held += groups[name]
    return [row for name in names if name not in chosen for row in groups[name]], held


def _spread(names: list[str]) -> Iterator[str]:
    """All but one of the names, each far from those before it (the golden section)."""
    left = list(names)
    place = 0.5
    while len(left) > 1:
        yield left.pop(int(place * len(left)))
        place = (place + 0.618034) % 1.0


def _seconds(rows: Iterable[Row]) -> float:
    return sum(row.duration for row in rows)
