"""A corpus decoded once: mono int16 audio of one sampling rate in one memory-mapped file.

A manifest is JSON Lines, one utterance a line: ``audio`` (a path below ``root``), ``speaker``,
``corpus``, ``language`` and, where known, ``text``, ``phones`` and ``pinyin``; other keys are
ignored. Everything is decoded and resampled when the cache is first opened; afterwards a crop is
a read of a few kilobytes, so that a trainer never waits for a decoder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
import soxr
from rich.progress import track

from secousti.errors import SecoustiError

_LAYOUT = "packed-int16-1"  # part of the cache key: change it when the decoding changes


@dataclass(frozen=True)
class Utterance:
    """One line of a manifest; ``length`` and ``offset`` are samples of the packed file."""

    audio: str
    speaker: str
    corpus: str
    language: str
    text: str | None
    phones: str | None
    pinyin: str | None
    offset: int = 0
    length: int = 0


class Corpus(Protocol):
    """Random access to audio at the codec's rate; ``PackedAudio`` is one."""

    rows: list[Utterance]
    sample_rate: int

    def crop(self, index: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """float32 [length], zeros outside the utterance."""
        ...


class PackedAudio:
    """Random access to the audio of one or more manifests at one sampling rate.

    Arguments:
        manifest_paths: JSON Lines files, read in order.
        root: the folder that the manifests' ``audio`` paths start from.
        sample_rate: of the packed audio, Hz.
        cache_dir: where the packed file lives, named by a hash of manifests and rate; it is
            written to a temporary name first, so an interrupted build leaves nothing behind.
        workers: decoding threads of the first build.

    Raises:
        SecoustiError: a manifest or an audio file is missing or cannot be read.
    """

    def __init__(
        self,
        manifest_paths: Sequence[str | Path],
        root: str | Path,
        sample_rate: int,
        cache_dir: str | Path,
        workers: int = 1,
    ) -> None:
        self.sample_rate = sample_rate
        manifests = [Path(path) for path in manifest_paths]
        stem = Path(cache_dir) / _cache_name(manifests, sample_rate)
        data, index = stem.with_suffix(".i16"), stem.with_suffix(".json")
        if not index.exists():
            _build(data, index, _read_manifests(manifests), Path(root), sample_rate, workers)
        self.rows = [Utterance(**row) for row in json.loads(index.read_text("utf-8"))]
        self.samples = np.memmap(data, dtype=np.int16, mode="r")

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
            view = self.samples[row.offset + first : row.offset + last]
            out[first - start : last - start] = view.astype(np.float32) / 32768
        return out

    def select(self, **conditions: str | Sequence[str]) -> list[int]:
        """Indices of the rows whose fields equal (or are among) the values given by name."""
        wanted = {k: {v} if isinstance(v, str) else set(v) for k, v in conditions.items()}
        return [
            i
            for i, row in enumerate(self.rows)
            if all(getattr(row, name) in values for name, values in wanted.items())
        ]

    def seconds(self) -> float:
        """Duration of all rows together."""
        return sum(row.length for row in self.rows) / self.sample_rate


def _cache_name(manifests: Sequence[Path], sample_rate: int) -> str:
    digest = hashlib.sha256(f"{_LAYOUT} {sample_rate}".encode())
    for path in manifests:
        if not path.is_file():
            raise SecoustiError(f"the manifest {path} does not exist; name a JSON Lines file")
        digest.update(path.read_bytes())
    return f"audio-{sample_rate}-{digest.hexdigest()[:16]}"


def _read_manifests(manifests: Sequence[Path]) -> list[dict[str, Any]]:
    names = [f.name for f in fields(Utterance) if f.name not in ("offset", "length")]
    rows = []
    for path in manifests:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            try:
                entry = json.loads(line)
                rows.append({name: entry.get(name) for name in names})
                if not isinstance(entry["audio"], str):
                    raise TypeError
            except (ValueError, AttributeError, KeyError, TypeError):
                raise SecoustiError(
                    f"line {number} of {path} is not a JSON object with an 'audio' path"
                ) from None
    if not rows:
        raise SecoustiError(f"the manifest {', '.join(map(str, manifests))} lists no audio")
    return rows


def _build(
    data: Path, index: Path, rows: list[dict[str, Any]], root: Path, rate: int, workers: int
) -> None:
    data.parent.mkdir(parents=True, exist_ok=True)
    temporary = data.with_suffix(f".{os.getpid()}.tmp")
    offset = 0
    try:
        with temporary.open("wb") as file:
            for row, pcm in zip(rows, _decoded(rows, root, rate, workers), strict=True):
                row.update(offset=offset, length=len(pcm))
                file.write(pcm.tobytes())
                offset += len(pcm)
        temporary.replace(data)
        temporary.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
        temporary.replace(index)  # the index appears last: it declares the data complete
    finally:
        temporary.unlink(missing_ok=True)


def _decoded(
    rows: list[dict[str, Any]], root: Path, rate: int, workers: int
) -> Iterator[np.ndarray]:
    paths = [root / row["audio"] for row in rows]
    with ThreadPoolExecutor(workers) as pool:
        results = pool.map(lambda path: _decode(path, rate), paths)
        yield from track(results, description="decoding audio", total=len(paths))


def _decode(path: Path, rate: int) -> np.ndarray:
    """int16 [T], mono, at ``rate``."""
    try:
        audio, source_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise SecoustiError(f"cannot read the audio file {path}: {error}") from None
    mono = soxr.resample(audio.mean(axis=1), source_rate, rate)
    return np.clip(np.round(mono * 32768), -32768, 32767).astype(np.int16)
