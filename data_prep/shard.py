"""One shard: rows in, a Lhotse Shar pair (cuts and audio) and its statistics out.

A shard is a pure function of its rows and settings. Its files are written under temporary names
and renamed; its statistics appear last and declare it complete, so that a process killed at any
moment leaves shards that are either whole or made again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.audio import AudioFault, Limits, encode, load_checked
from data_prep.faults import Fault
from data_prep.languages import has_phonemes
from data_prep.manifest import Row
from data_prep.phonemes import phonemes_of
from secousti.atomic import replacing
from secousti.errors import SecoustiError, require
from secousti.text.inventory import NUM_SYMBOLS, canonical
from secousti.text.phonemizer import Phonemes, Phonemizer
from secousti.version import __version__

HISTOGRAM_STEP = 0.25  # seconds
_LAYOUT = "shar-1"  # part of every fingerprint: change it when the content of shards changes
_DURATION_TOLERANCE = 0.1  # seconds a manifest may be wrong by


@dataclass(frozen=True)
class Settings:
    """What a shard's content depends on, besides its rows."""

    sample_rate: int = 22050
    audio_format: str = "flac"
    tagger: str = "rules"
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Job:
    """A shard to make: ``rows`` as dictionaries, so that they travel to another process."""

    folder: str
    split: str
    index: int
    rows: list[dict[str, Any]]
    settings: Settings

    @property
    def fingerprint(self) -> str:
        """Hash of everything the shard depends on, the size and time of local files included."""
        text = [__version__, NUM_SYMBOLS, _phonemizer(self.settings.tagger).description]
        content = [_LAYOUT, text, asdict(self.settings), self.rows, self._files()]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]

    @property
    def record(self) -> Path:
        """Where the statistics lie: outside the folder that lhotse reads."""
        return Path(self.folder) / ".work" / f"{self.split}.{self.index:06d}.json"

    def _files(self) -> list[list[int]]:
        stats = []
        for row in self.rows:
            try:
                info = os.stat(row["audio"])
                stats.append([info.st_size, info.st_mtime_ns])
            except OSError:
                stats.append([])
        return stats


@dataclass
class Statistics:
    """What a shard holds and what was wrong with its rows."""

    split: str
    index: int
    fingerprint: str
    rows: int = 0
    groups: dict[str, list[float]] = field(default_factory=dict)
    speakers: dict[str, list[str]] = field(default_factory=dict)
    histogram: dict[str, int] = field(default_factory=dict)
    faults: list[list[str]] = field(default_factory=list)
    bytes: int = 0

    @property
    def utterances(self) -> int:
        """Utterances kept."""
        return int(sum(group[0] for group in self.groups.values()))


def finished(job: Job, fingerprint: str) -> Statistics | None:
    """Statistics of the shard if an earlier run completed exactly this one."""
    try:
        record = Statistics(**json.loads(job.record.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    files_there = not record.utterances or all(p.is_file() for p in shard_paths(job))
    return record if record.fingerprint == fingerprint and files_there else None


def shard_paths(job: Job) -> tuple[Path, Path]:
    """The two files of a shard, named as lhotse expects them."""
    folder = Path(job.folder) / job.split
    return folder / f"cuts.{job.index:06d}.jsonl.gz", folder / f"recording.{job.index:06d}.tar"


def make_shard(job: Job) -> Statistics:
    """Make the shard, or find it made; returns its statistics."""
    fingerprint = job.fingerprint
    if done := finished(job, fingerprint):
        return done
    statistics = Statistics(job.split, job.index, fingerprint, rows=len(job.rows))
    scratch = job.record.with_suffix(f".{os.getpid()}.tmp")
    scratch.mkdir(parents=True)
    try:
        _write(job, statistics, scratch)
        _publish(job, statistics, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    with replacing(job.record) as partial:
        partial.write_text(json.dumps(asdict(statistics), ensure_ascii=False), "utf-8")
    return statistics


def _write(job: Job, statistics: Statistics, scratch: Path) -> None:
    tar = require("lhotse.shar.writers.tar", "data").TarWriter
    jsonl = require("lhotse.serialization", "data").SequentialJsonlWriter
    cuts_name, audio_name = (path.name for path in shard_paths(job))
    with tar(str(scratch / audio_name), None) as audio, jsonl(str(scratch / cuts_name)) as cuts:
        for entry in job.rows:
            row = Row.from_dict(entry)
            try:
                samples, rate = _samples(row, job.settings)
            except AudioFault as fault:
                _note(statistics, fault.named(row.id))
                continue
            cut = _cut(row, len(samples), rate, job.settings, statistics)
            recording = json.dumps(cut.recording.to_dict()).encode()
            compressed = encode(samples, rate, job.settings.audio_format)
            audio.write(f"{cut.id}.{job.settings.audio_format}", io.BytesIO(compressed))
            audio.write(f"{cut.id}.json", io.BytesIO(recording), count=False)
            cuts.write(cut)
            _count(statistics, row)


def _samples(row: Row, settings: Settings) -> tuple[np.ndarray, int]:
    """Audio at the rate of the shards: the codec's, or for Opus the nearest it knows above."""
    rate = settings.sample_rate
    if settings.audio_format == "opus":
        rate = next((r for r in (8000, 12000, 16000, 24000) if r >= rate), 48000)
    return load_checked(row.audio, rate, settings.limits, row.piece), rate


def _cut(row: Row, length: int, rate: int, settings: Settings, statistics: Statistics) -> Any:
    """A lhotse MonoCut whose recording is a placeholder for the audio in the tar file."""
    audio, cut = require("lhotse.audio", "data"), require("lhotse.cut", "data")
    supervision = require("lhotse.supervision", "data").SupervisionSegment
    _measure(row, length / rate, statistics)
    name = row.id
    recording = audio.Recording(
        id=name,
        sources=[audio.AudioSource(type="shar", channels=[0], source="")],
        sampling_rate=rate,
        num_samples=length,
        duration=length / rate,
    )
    segment = supervision(
        id=name,
        recording_id=name,
        start=0.0,
        duration=recording.duration,
        text=row.text,
        language=row.language,
        speaker=row.speaker,
        alignment=_alignment(row, statistics),
        custom=_custom(row, settings, statistics),
    )
    return cut.MonoCut(
        id=name,
        start=0.0,
        duration=recording.duration,
        channel=0,
        recording=recording,
        supervisions=[segment],
    )


def _measure(row: Row, seconds: float, statistics: Statistics) -> None:
    if row.duration and abs(row.duration - seconds) > _DURATION_TOLERANCE:
        reason = f"{seconds:.3f} s, the manifest says {row.duration:.3f} s"
        _note(statistics, Fault("wrong duration", row.id, reason))
    row.duration = seconds


def _alignment(row: Row, statistics: Statistics) -> dict[str, list[Any]] | None:
    item = require("lhotse.supervision", "data").AlignmentItem
    tiers: dict[str, list[Any]] = {}
    for tier, intervals in (("phone", row.phones), ("word", row.words)):
        if not intervals:
            continue
        labels = [canonical(i[2], row.language) if tier == "phone" else i[2] for i in intervals]
        if None in labels or intervals[-1][1] > row.duration + _DURATION_TOLERANCE:
            strange = intervals[labels.index(None)][2] if None in labels else "its end"
            _note(statistics, Fault("bad alignment", row.id, f"{tier} {strange!r}"))
            return None
        tiers[tier] = [
            item(symbol=label, start=start, duration=round(min(end, row.duration) - start, 6))
            for label, (start, end, _) in zip(labels, intervals, strict=True)
            if start < row.duration
        ]
    return tiers or None


def _custom(row: Row, settings: Settings, statistics: Statistics) -> dict[str, Any]:
    phonemes = Phonemes(language=row.language)
    if has_phonemes(row.language):
        phonemes = phonemes_of(row, _phonemizer(settings.tagger))
    else:
        _note(statistics, Fault("unknown language", row.id, row.language))
    if phonemes.unknown:
        reason = " ".join(dict.fromkeys(phonemes.unknown))
        _note(statistics, Fault("unknown characters", row.id, reason))
    values = {
        "phonemes": " ".join(phonemes.symbols) or None,
        "corpus": row.corpus,
        "license": row.license,
        "confidence": row.confidence,
        "extra": row.extra or None,
    }
    return {name: value for name, value in values.items() if value not in (None, "")}


@cache
def _phonemizer(tagger: str) -> Phonemizer:
    """One per worker process: loading the dictionary takes longer than a hundred utterances."""
    return Phonemizer(tagger=tagger)


def _note(statistics: Statistics, fault: Fault) -> None:
    statistics.faults.append([fault.kind, fault.name, fault.reason])


def _count(statistics: Statistics, row: Row) -> None:
    key = f"{row.corpus}|{row.language}"
    group = statistics.groups.setdefault(key, [0, 0.0, 0, 0])
    added = (1, row.duration, row.text is not None, row.phones is not None)
    statistics.groups[key] = [a + b for a, b in zip(group, added, strict=True)]
    speakers = statistics.speakers.setdefault(key, [])
    if row.speaker not in speakers:
        speakers.append(row.speaker)
    step = str(int(row.duration / HISTOGRAM_STEP))
    statistics.histogram = dict(Counter(statistics.histogram) + Counter([step]))


def _publish(job: Job, statistics: Statistics, scratch: Path) -> None:
    for path in shard_paths(job):
        if statistics.utterances:
            path.parent.mkdir(parents=True, exist_ok=True)
            statistics.bytes += (scratch / path.name).stat().st_size
            try:
                os.replace(scratch / path.name, path)
            except OSError as error:
                raise SecoustiError(f"{path} cannot be written: {error.strerror}") from error
        else:
            path.unlink(missing_ok=True)
