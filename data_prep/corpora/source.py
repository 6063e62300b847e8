"""A corpus named on the command line, as rows: guess its kind, read it, divide it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data_prep.corpora.aishell3 import read_aishell3
from data_prep.corpora.base import Reader
from data_prep.corpora.folder import read_folder
from data_prep.corpora.librispeech import TRANSCRIPTS, read_librispeech
from data_prep.corpora.libritts import read_libritts
from data_prep.corpora.ljspeech import read_ljspeech
from data_prep.corpora.vctk import FOLDERS, read_vctk
from data_prep.faults import Fault, OnFault
from data_prep.manifest import Row, read_manifest
from secousti.errors import SecoustiError
from secousti.manifest import Places

READERS: dict[str, Reader] = {
    "libritts": read_libritts,
    "librispeech": read_librispeech,
    "aishell3": read_aishell3,
    "vctk": read_vctk,
    "ljspeech": read_ljspeech,
    "folder": read_folder,
}
KINDS = (*READERS, "manifest")


@dataclass(frozen=True)
class Source:
    """Where rows come from: a corpus tree, a manifest, or ``-`` for a manifest on standard input.

    ``split`` is set when the user gave the division; None lets the speaker decide.
    """

    location: str
    kind: str
    split: str | None = None

    def rows(self, on_fault: OnFault) -> Iterator[Row]:
        """The rows in an order that is the same every time, their audio paths resolved."""
        if self.kind != "manifest":
            yield from READERS[self.kind](Path(self.location), on_fault)
            return
        places = Places(self.location)
        for row in read_manifest(self._manifest(), self._bad_line(on_fault)):
            row.audio = places.locate(row.audio)
            if row.text is None:
                on_fault(Fault("missing transcript", row.id, "no text in the manifest"))
            yield row

    def count(self) -> int | None:
        """Lines of a manifest on disk, for the progress bar; None when counting costs a scan."""
        if self.kind != "manifest" or not os.path.isfile(self.location):
            return None
        with open(self.location, "rb") as file:
            return sum(1 for line in file if line.strip())

    def _manifest(self) -> str | int:
        return sys.stdin.fileno() if self.location == "-" else self.location

    def _bad_line(self, on_fault: OnFault) -> Callable[[int, str], None]:
        def report(number: int, reason: str) -> None:
            on_fault(Fault("bad manifest line", f"{self.location}, line {number}", reason))

        return report


def find_sources(locations: list[str], kind: str | None, valid: str | None) -> list[Source]:
    """Sources of the corpora named, the validation manifest first.

    A folder with ``train.jsonl`` is read through it, and through ``valid.jsonl`` beside it.

    Raises:
        SecoustiError: a location does not exist, or its kind is unknown or not obvious.
    """
    if kind is not None and kind not in KINDS:
        raise SecoustiError(f"--kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    sources = [Source(valid, "manifest", "valid")] if valid else []
    for location in locations:
        sources += _sources_at(location, kind, divided=bool(valid))
    if valid and not os.path.isfile(valid):
        raise SecoustiError(f"the validation manifest {valid} does not exist")
    return sorted(sources, key=lambda source: source.split != "valid")


def _sources_at(location: str, kind: str | None, divided: bool) -> list[Source]:
    path = Path(location)
    split = "train" if divided else None
    if location == "-" or path.suffix == ".jsonl" or "://" in location:
        if location != "-" and "://" not in location and not path.is_file():
            raise SecoustiError(f"the manifest {location} does not exist")
        return [Source(location, "manifest", split)]
    if not path.is_dir():
        raise SecoustiError(f"the corpus {location} does not exist or is no folder")
    if kind in (None, "manifest") and (path / "train.jsonl").is_file():
        pair = [Source(str(path / "train.jsonl"), "manifest", split)]
        if (path / "valid.jsonl").is_file() and not divided:
            pair = [
                Source(str(path / "valid.jsonl"), "manifest", "valid"),
                Source(str(path / "train.jsonl"), "manifest", "train"),
            ]
        return pair
    found = kind or guess_kind(path)
    if found == "manifest":
        raise SecoustiError(f"{location} holds no train.jsonl; name the manifest itself")
    if found == "vctk" and not any((path / name).is_dir() for name in FOLDERS):
        raise SecoustiError(f"{location} holds neither {FOLDERS[0]} nor {FOLDERS[1]}, as VCTK does")
    if found == "ljspeech" and not (path / "metadata.csv").is_file():
        raise SecoustiError(f"{location} holds no metadata.csv, as LJSpeech does")
    return [Source(str(path), found, split)]


def guess_kind(root: Path) -> str:
    """The kind of corpus by its layout; ``"folder"`` when it is none of the known ones."""
    if (root / "metadata.csv").is_file() and (root / "wavs").is_dir():
        return "ljspeech"
    if (root / "txt").is_dir() and any((root / name).is_dir() for name in FOLDERS):
        return "vctk"
    if (root / "content.txt").is_file() or (root / "train" / "content.txt").is_file():
        return "aishell3"
    for pattern in ("*/*/*", "*/*/*/*", "*/*"):
        for kind, ending in (("libritts", ".normalized.txt"), ("librispeech", TRANSCRIPTS)):
            if next(root.glob(pattern + ending), None) is not None:
                return kind
    return "folder"
