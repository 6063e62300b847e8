"""Inputs that are listed into a manifest: Kaldi's wav.scp, lhotse cuts, tables, single files."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from secousti.errors import SecoustiError
from secousti.extraction.inputs.listing import FAULT, Manifest, listed
from secousti.extraction.storage import is_url, open_binary
from secousti.manifest import parse_line
from secousti.tables import FILE, LANGUAGE, SPEAKER, TEXT, first_of, read_table, read_text_lines

Entries = Iterator[dict[str, Any]]
_TABLE_FOLDERS = ("", "clips", "wavs", "wav", "audio")  # Common Voice's, LJSpeech's, and others


def single(location: str, workspace: Path, shard_size: int) -> Manifest:
    """One recording."""
    name = location.rsplit("/", 1)[-1]
    entries = [{"id": os.path.splitext(name)[0], "audio": name}]
    return listed(entries, location, workspace, shard_size, root=_folder_of(location))


def kaldi(location: str, workspace: Path, shard_size: int) -> Manifest:
    """Kaldi's ``wav.scp``, with ``segments``, ``text``, ``utt2spk`` and ``utt2lang`` beside it.

    Raises:
        SecoustiError: the file cannot be read.
    """
    return listed(_kaldi(Path(location)), location, workspace, shard_size, _folder_of(location))


def table(location: str, workspace: Path, shard_size: int) -> Manifest:
    """A ``.csv`` or ``.tsv`` with column names, or LJSpeech's ``metadata.csv`` without.

    Raises:
        SecoustiError: the file cannot be read or has no column of recordings.
    """
    path = Path(location)
    rows = _ljspeech(path) if _is_ljspeech(path) else _table(path)
    return listed(rows, location, workspace, shard_size, _folder_of(location))


def cuts(location: str, workspace: Path, shard_size: int) -> Manifest:
    """lhotse's cuts (``cuts.jsonl``, ``cuts.jsonl.gz``) whose recordings are files.

    Raises:
        SecoustiError: the file cannot be read.
    """
    return _lines_of(location, workspace, shard_size, _cut)


def packed(location: str, workspace: Path, shard_size: int) -> Manifest:
    """A manifest that is compressed (``.jsonl.gz``).

    Raises:
        SecoustiError: the file cannot be read.
    """
    return _lines_of(location, workspace, shard_size, lambda fields: fields)


def holds_cuts(location: str) -> bool:
    """Whether the first line of a JSON Lines file is a cut of lhotse's."""
    with suppress(OSError, SecoustiError, EOFError), _unpacked(location) as file:
        fields = parse_line(next(line for line in file if line.strip()))
        return str(fields.get("type", "")).endswith("Cut") and "id" in fields
    return False


def _unpacked(location: str) -> IO[bytes]:
    file = open_binary(location)
    return gzip.GzipFile(fileobj=file) if location.endswith(".gz") else file  # type: ignore[return-value]


def _lines_of(
    location: str, workspace: Path, shard_size: int, convert: Callable[[dict[str, Any]], Any]
) -> Manifest:
    def entries() -> Entries:
        with _unpacked(location) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    yield convert(parse_line(line))
                except SecoustiError as error:
                    yield _fault(location, number, str(error))

    try:
        return listed(entries(), location, workspace, shard_size, _folder_of(location))
    except (OSError, EOFError) as error:
        raise SecoustiError(f"{location} cannot be read: {error}") from error


def _cut(fields: dict[str, Any]) -> dict[str, Any]:
    """A MonoCut as the line of a manifest.

    Raises:
        SecoustiError: a cut of another kind, or one whose recording is no file.
    """
    if fields.get("type") != "MonoCut":
        raise SecoustiError(
            f"a {fields.get('type')} is put together of several recordings: save it with "
            "CutSet.to_shar and extract that"
        )
    recording = fields.get("recording")
    sources = recording.get("sources") if isinstance(recording, dict) else None
    source = sources[0] if isinstance(sources, list) and sources else None
    if not isinstance(source, dict) or source.get("type") not in ("file", "url"):
        raise SecoustiError(f"the recording of cut {fields.get('id')!r} is no file or URL")
    several = len(recording.get("channel_ids") or [0]) > 1  # type: ignore[union-attr]
    entry = {
        "id": fields.get("id"),
        "audio": source.get("source"),
        "start": fields.get("start"),
        "duration": fields.get("duration"),
        "channel": fields.get("channel") if several else None,
    }
    return entry | joined(fields.get("supervisions"))


def joined(supervisions: Any) -> dict[str, str]:
    """What the supervisions of a cut say, in the order of their times.

    ``text`` and ``phonemes`` one after the other; ``speaker`` and ``language`` where all agree.
    """
    known: dict[str, str] = {}
    parts = [part for part in supervisions or [] if isinstance(part, dict)]
    parts.sort(key=lambda part: part.get("start") or 0.0)
    for key in ("text", "phonemes", "speaker", "language"):
        values = [(part.get(key) or (part.get("custom") or {}).get(key)) for part in parts]
        found = [str(value) for value in values if value]
        if key in ("text", "phonemes"):
            known[key] = " ".join(found)
        elif len(set(found)) == 1 and len(found) == len(parts):
            known[key] = found[0]
    return {key: value for key, value in known.items() if value}


def _kaldi(path: Path) -> Entries:
    recordings = dict(_pairs(path))
    beside = {
        key: dict(_pairs(path.with_name(name)))
        for key, name in (("text", "text"), ("speaker", "utt2spk"), ("language", "utt2lang"))
    }
    segments = path.with_name("segments")
    pieces = _segments(segments) if segments.is_file() else ((n, n, {}) for n in recordings)
    for name, recording, times in pieces:
        audio = recordings.get(recording)
        if audio is None:
            yield {"id": name, FAULT: f"segments names {recording}, which {path.name} has not"}
        elif audio.endswith("|") or audio == "-":
            yield {"id": name, FAULT: f"{audio!r} is a command: run it and name the file it makes"}
        else:
            known = {key: values[name] for key, values in beside.items() if name in values}
            yield {"id": name, "audio": audio, **times, **known}


def _segments(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, rest in _pairs(path):
        fields = rest.split()
        try:
            recording, start, end = fields[0], float(fields[1]), float(fields[2])
        except (IndexError, ValueError):
            yield name, f"(line {name!r} of segments)", {}
            continue
        yield name, recording, {"start": start} if end < 0 else {"start": start, "end": end}


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    """Lines of a Kaldi file: a key, and what follows it."""
    if path.is_file():
        for _, line in read_text_lines(path, lambda *_: None):
            key, *rest = line.split(None, 1)
            yield key, rest[0].strip() if rest else ""


def _is_ljspeech(path: Path) -> bool:
    _, line = next(read_text_lines(path, lambda *_: None), (0, ""))
    name = line.split("|")[0].strip()
    return "|" in line and name.lower() not in FILE and _place(path, name) is not None


def _ljspeech(path: Path) -> Entries:
    """``id|text|text with numbers spelled out``."""
    faults: list[tuple[int, str]] = []
    for number, line in read_text_lines(path, lambda *fault: faults.append(fault)):
        fields = line.split("|")
        if len(fields) not in (2, 3):
            faults.append((number, f"{len(fields)} fields, not id|text or id|text|text"))
            continue
        name = fields[0].strip()
        yield {"id": name, "audio": _place(path, name) or f"wavs/{name}.wav", "text": fields[-1]}
    yield from (_fault(str(path), *fault) for fault in faults)


def _table(path: Path) -> Entries:
    faults: list[tuple[int, str]] = []
    for number, row in read_table(path, lambda *fault: faults.append(fault)):
        name = first_of(row, FILE)
        if not any(column in row for column in FILE):
            raise SecoustiError(
                f"{path} has no column of recordings ({', '.join(FILE)}); its first line should "
                f"name its columns, and names {', '.join(row)}"
            )
        entry: dict[str, Any] = {"audio": _place(path, name) or name}
        entry |= {"text": first_of(row, TEXT), "speaker": first_of(row, SPEAKER)}
        entry["language"] = first_of(row, LANGUAGE)
        entry["id"] = os.path.splitext(name)[0]
        try:
            times = {key: float(row[key]) for key in _TIMES if row.get(key, "").strip()}
        except ValueError:
            faults.append((number, "a time that is no number"))
            continue
        yield {key: value for key, value in entry.items() if value} | times
    yield from (_fault(str(path), *fault) for fault in faults)


_TIMES = ("offset", "start", "end", "start_time", "end_time")


def _place(table: Path, name: str) -> str | None:
    """Where a recording lies that a table names, from the table's folder; ``None``: nowhere."""
    for folder in _TABLE_FOLDERS:
        for suffix in ("", ".wav", ".flac", ".mp3"):
            if name and (table.parent / folder / (name + suffix)).is_file():
                return os.path.join(folder, name + suffix)
    return None


def _fault(location: str, number: int, reason: str) -> dict[str, str]:
    where = f"{location.rsplit('/', 1)[-1]}, line {number}"
    return {"id": where, FAULT: reason}


def _folder_of(location: str) -> str:
    if is_url(location):
        return location.rsplit("/", 1)[0]
    return os.path.dirname(location) or "."
