"""A folder of recordings with transcripts in one of the usual ways.

* beside each recording: ``name.txt`` (or ``name.lab``);
* one table for all: a ``.csv``, ``.tsv`` or ``.jsonl`` file in the folder, with a column (key) for
  the file (``audio``, ``file``, ``path``, ``file_name``, ``id``) and, where known, for the text
  (``text``, ``transcript``, ``sentence``), ``speaker`` and ``language``.

The speaker is the table's, or the folder that the recording lies in.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from data_prep.corpora.base import audio_files, guess_language, read_lines, read_transcript
from data_prep.faults import Fault, OnFault
from data_prep.manifest import LANGUAGES, Row

_FILE = ("audio", "file", "path", "file_name", "filename", "wav", "id", "name")
_TEXT = ("text", "transcript", "transcription", "sentence", "normalized_text")
_SPEAKER = ("speaker", "speaker_id", "client_id", "spk")
_LANGUAGE = ("language", "lang", "locale")


def read_folder(root: Path, on_fault: OnFault) -> Iterator[Row]:
    """Rows of every recording below ``root``."""
    table = _table(root, on_fault)
    for path in audio_files(root):
        relative = path.relative_to(root)
        keys = (relative.as_posix(), relative.with_suffix("").as_posix(), path.name, path.stem)
        entry = next((table.pop(key) for key in keys if key in table), None)
        name = f"{root.name}-{relative.with_suffix('').as_posix()}"
        text = _text(path, entry, name, on_fault)
        speaker = _first(entry or {}, _SPEAKER) or relative.parent.name or root.name
        yield Row(
            audio=str(path),
            speaker=f"{root.name}_{speaker}",
            language=_language(entry or {}, text),
            duration=0.0,
            text=text,
            corpus=root.name,
            id=name,
        )
    for missing in table:
        on_fault(Fault("missing audio", missing, f"named by a table in {root}"))


def _text(path: Path, entry: dict[str, str] | None, name: str, on_fault: OnFault) -> str | None:
    if entry is not None and (text := _first(entry, _TEXT)):
        return text
    for suffix in (".txt", ".lab"):
        if path.with_suffix(suffix).is_file():
            return read_transcript(path.with_suffix(suffix), name, on_fault)
    on_fault(Fault("missing transcript", name, "neither a text file beside it nor a table row"))
    return None


def _language(entry: dict[str, str], text: str | None) -> str:
    given = _first(entry, _LANGUAGE).lower().replace("cmn", "zh").partition("-")[0]
    return given if given in LANGUAGES else guess_language(text)


def _first(entry: dict[str, str], names: Iterable[str]) -> str:
    return next((str(entry[name]).strip() for name in names if entry.get(name)), "")


def _table(root: Path, on_fault: OnFault) -> dict[str, dict[str, str]]:
    """Rows of the folder's table by file name as the table gives it; empty without a table."""
    paths = sorted(p for p in root.iterdir() if p.suffix in (".csv", ".tsv", ".jsonl"))
    entries = (entry for path in paths for entry in _entries(path, on_fault))
    return {_first(entry, _FILE): entry for entry in entries if _first(entry, _FILE)}


def _entries(path: Path, on_fault: OnFault) -> Iterator[dict[str, str]]:
    lines = read_lines(path, on_fault)
    if path.suffix == ".jsonl":
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                if not isinstance(entry, dict):
                    raise ValueError("not an object")
            except ValueError as error:
                on_fault(Fault("bad manifest line", f"{path}, line {number}", str(error)))
                continue
            yield entry
        return
    header = next(lines, "")
    delimiter = "\t" if path.suffix == ".tsv" else max(",;|\t", key=header.count)
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    for fields in csv.reader(lines, delimiter=delimiter):
        yield dict(zip(names, fields, strict=False))
