"""A corpus decoded once: mono int16 audio of one sampling rate, in parts of a few minutes.

A manifest is JSON Lines, one utterance a line: ``audio`` (a path below ``root``), ``speaker``,
``corpus``, ``language`` and, where known, ``text``, ``phones`` and ``pinyin``
(``secousti.manifest`` reads it). What is not in the cache yet is decoded and resampled when a
corpus is opened; afterwards a crop is a read of a few kilobytes, so that a trainer never waits for
a decoder.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from secousti.errors import SecoustiError
from secousti.manifest import Entry as ManifestEntry
from secousti.manifest import Piece, is_url, read_manifest
from train.data.build import Entry, Part, key_of, pack, part_files
from train.data.decode import decode

_LAYOUT = "packed-parts-1"  # part of the cache key: change it when the decoding changes
_PART = 256  # recordings


@dataclass(frozen=True)
class Utterance:
    """One recording; ``length`` and ``offset`` are samples of the packed file ``part``.

    ``place`` is where the recording is (and which piece of it is meant), where that is known.
    """

    audio: str
    speaker: str
    corpus: str
    language: str
    text: str | None
    phones: str | None
    pinyin: str | None
    offset: int = 0
    length: int = 0
    part: int = 0
    place: str = ""


_TAKEN = ("speaker", "corpus", "language", "text", "phones", "pinyin")  # of a manifest's line


class Corpus(Protocol):
    """Random access to audio at the codec's rate; ``PackedAudio`` is one."""

    rows: list[Utterance]
    sample_rate: int

    def crop(self, index: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """float32 [length], zeros outside the utterance."""
        ...


class PackedCorpus:
    """Random access to what ``parts`` hold at one sampling rate; packs what is not there yet.

    Attributes:
        rows: the usable recordings. faults: (name, reason) of those that were left out.

    Raises:
        SecoustiError: no recording is usable, or the cache cannot be written.
    """

    def __init__(
        self, parts: Sequence[Part], sample_rate: int, cache: str | Path, workers: int | None
    ) -> None:
        self.sample_rate = sample_rate
        pack(parts, Path(cache), workers or len(os.sched_getaffinity(0)))
        self.files = [part_files(Path(cache), part)[0] for part in parts]
        self.rows: list[Utterance] = []
        self.faults: list[tuple[str, str]] = []
        self.extras: list[dict[str, Any]] = []
        names = {field.name for field in fields(Utterance)}
        for number, part in enumerate(parts):
            for entry in json.loads(part_files(Path(cache), part)[1].read_text("utf-8")):
                if "fault" in entry:
                    self.faults.append((entry["audio"], entry["fault"]))
                    continue
                known = {k: v for k, v in entry.items() if k in names}
                self.rows.append(Utterance(**known | {"part": number}))
                self.extras.append({k: v for k, v in entry.items() if k not in names})
        if not self.rows:
            name, reason = self.faults[0] if self.faults else ("the corpus", "lists no audio")
            raise SecoustiError(f"no recording is usable; the first: {name} {reason}")

    def __len__(self) -> int:
        return len(self.rows)

    def crop(self, index: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """float32 [length] in [-1, 1] from sample ``start``; zeros outside the utterance.

        Without ``length`` the utterance is returned from ``start`` to its end.
        """
        row = self.rows[index]
        length = max(row.length - start, 0) if length is None else length
        out = np.zeros(length, dtype=np.float32)
        first, last = max(start, 0), min(start + length, row.length)
        if first < last:
            pcm = np.fromfile(
                self.files[row.part], np.int16, last - first, offset=2 * (row.offset + first)
            )
            out[first - start : last - start] = pcm.astype(np.float32) / 32768
        return out

    def seconds(self) -> float:
        """Duration of all rows together."""
        return sum(row.length for row in self.rows) / self.sample_rate

    def fault_summary(self) -> str | None:
        """One sentence about what was left out, with the first names; None without faults."""
        if not self.faults:
            return None
        kinds = Counter(reason.split(":")[0] for _, reason in self.faults)
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        first = ", ".join(name for name, _ in self.faults[:5])
        more = ", ..." if len(self.faults) > 5 else ""
        whole = len(self.faults) + len(self.rows)
        return f"{len(self.faults)} of {whole} recordings are left out: {counts} ({first}{more})"


class PackedAudio(PackedCorpus):
    """The audio of one or more manifests at one sampling rate.

    A recording that cannot be read, is silent, holds values that are not finite or is much
    shorter than its manifest says is a fault and left out. A recording that was replaced is
    decoded anew: the cache knows every file's size and time of change.

    Args:
        manifest_paths: JSON Lines files, read in order.
        root: the folder that the manifests' ``audio`` paths start from.
        sample_rate: of the packed audio, Hz.
        cache_dir: where parts are kept; each appears whole, so packing can be interrupted.
        workers: decoding threads; by default one for each core.

    Raises:
        SecoustiError: a manifest is missing or faulty, or nothing in it is usable.
    """

    def __init__(
        self,
        manifest_paths: Sequence[str | Path],
        root: str | Path,
        sample_rate: int,
        cache_dir: str | Path,
        workers: int | None = None,
    ) -> None:
        lines, faults = _read_manifests(manifest_paths, root)
        pieces = [lines[n : n + _PART] for n in range(0, len(lines), _PART)]
        parts = [_ManifestPart(piece, sample_rate) for piece in pieces]
        super().__init__(parts, sample_rate, cache_dir, workers)
        self.faults = faults + self.faults


class _ManifestPart(Part):
    """Some lines of a manifest."""

    def __init__(self, lines: list[_Line], rate: int) -> None:
        self.lines, self.rate, self.count = lines, rate, len(lines)
        sources = [[line.row, *_stamp(line.location), line.piece.__dict__] for line in lines]
        self.key = f"audio-{rate}-{key_of(_LAYOUT, rate, sources)}"

    def entries(self) -> Iterator[Entry]:
        for line in self.lines:
            pcm, fault = decode(line.location, self.rate, line.piece)
            yield (line.row | {"fault": fault} if fault else dict(line.row)), pcm


@dataclass(frozen=True)
class _Line:
    """What is known of one recording before it is decoded."""

    row: dict[str, Any]
    location: str
    piece: Piece


def _stamp(location: str) -> list[Any]:
    """Where a recording is, its size and time of change, which a replaced one has others of."""
    if is_url(location):
        return [location]
    try:
        status = os.stat(location)
    except OSError:
        return [os.path.abspath(location)]
    return [os.path.abspath(location), status.st_size, status.st_mtime_ns]


def place_of(location: str, piece: Piece) -> str:
    """By what an utterance and its alignment know each other."""
    where = location if is_url(location) else os.path.abspath(location)
    return f"{where}@{piece.start:.3f}" if piece.is_cut else where


def _read_manifests(
    manifests: Sequence[str | Path], root: str | Path
) -> tuple[list[_Line], list[tuple[str, str]]]:
    """The lines, and (where, reason) of those that are none."""
    lines: list[_Line] = []
    faults: list[tuple[str, str]] = []
    for path in map(str, manifests):
        if not is_url(path) and not Path(path).is_file():
            raise SecoustiError(f"the manifest {path} does not exist; name a JSON Lines file")
        add = partial(_add_fault, faults, path)
        lines += [
            _line(entry) for entry in read_manifest(path, root=root, on_fault=add, unique=False)
        ]
    if not lines:
        first = f"; {faults[0][0]}: {faults[0][1]}" if faults else ""
        raise SecoustiError(f"the manifest {', '.join(map(str, manifests))} lists no audio{first}")
    return lines, faults


def _add_fault(faults: list[tuple[str, str]], path: str, number: int, why: str) -> None:
    faults.append((f"line {number} of {path}", f"is no recording: {why}"))


def _line(entry: ManifestEntry) -> _Line:
    row = {name: entry.fields.get(name) for name in _TAKEN}
    row["audio"] = entry.id if entry.piece.is_cut else entry.audio
    row["place"] = place_of(entry.location, entry.piece)
    return _Line(row, entry.location, entry.piece)
