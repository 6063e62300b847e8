"""A folder of recordings with transcripts in one of the usual ways.

* beside each recording: ``name.txt`` (or ``name.lab``);
* one table for all: a ``.csv``, ``.tsv`` or ``.jsonl`` file in the folder, with a column (key) for
  the file (``audio``, ``file``, ``path``, ``file_name``, ``id``) and, where known, for the text
  (``text``, ``transcript``, ``sentence``), ``speaker`` and ``language``.

The speaker is the table's, or the folder that the recording lies in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.corpora.base import audio_files, read_transcript
from data_prep.faults import Fault, OnFault
from data_prep.languages import guess_language, language_of
from data_prep.manifest import Row
from secousti.errors import SecoustiError
from secousti.manifest import END_KEYS, START_KEYS, parse_line, read_lines
from secousti.tables import FILE, LANGUAGE, SPEAKER, TEXT, first_of, read_table


def read_folder(root: Path, on_fault: OnFault) -> Iterator[Row]:
    """Rows of every recording below ``root``."""
    table = _table(root, on_fault)
    for path in audio_files(root):
        relative = path.relative_to(root)
        keys = (relative.as_posix(), relative.with_suffix("").as_posix(), path.name, path.stem)
        entry = next((table.pop(key) for key in keys if key in table), None)
        name = f"{root.name}-{relative.with_suffix('').as_posix()}"
        text = _text(path, entry, name, on_fault)
        speaker = first_of(entry or {}, SPEAKER) or relative.parent.name or root.name
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
    if entry is not None and (text := first_of(entry, TEXT)):
        return text
    for suffix in (".txt", ".lab"):
        if path.with_suffix(suffix).is_file():
            return read_transcript(path.with_suffix(suffix), name, on_fault)
    on_fault(Fault("missing transcript", name, "neither a text file beside it nor a table row"))
    return None


def _language(entry: dict[str, str], text: str | None) -> str:
    given = first_of(entry, LANGUAGE)
    return language_of(given) if given else guess_language(text)


def _table(root: Path, on_fault: OnFault) -> dict[str, dict[str, str]]:
    """Rows of the folder's tables by file name as they give it; empty without a table."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(p for p in root.iterdir() if p.suffix in (".csv", ".tsv", ".jsonl")):
        found |= _rows_of(path, on_fault)
    return found


def _rows_of(path: Path, on_fault: OnFault) -> dict[str, dict[str, str]]:
    """Rows of one table by file; of a file that is named twice the first."""
    found: dict[str, dict[str, str]] = {}
    for number, entry in _entries(path, on_fault):
        name, where = first_of(entry, FILE), f"{path}, line {number}"
        pieces = [key for key in (*START_KEYS, *END_KEYS) if entry.get(key)]
        if pieces:
            reason = f"{pieces[0]!r} names a piece of {name}: give a .jsonl manifest of pieces"
            on_fault(Fault("bad manifest line", where, reason))
        elif name in found:
            on_fault(Fault("duplicate id", name, f"again in {where}"))
        elif name:
            found[name] = entry
    return found


def _entries(path: Path, on_fault: OnFault) -> Iterator[tuple[int, dict[str, str]]]:
    def report(number: int, reason: str) -> None:
        kind = "transcript not UTF-8" if reason.startswith("not UTF-8") else "bad manifest line"
        on_fault(Fault(kind, f"{path}, line {number}", reason))

    if path.suffix != ".jsonl":
        yield from read_table(path, report)
        return
    for number, line in read_lines(path):
        try:
            yield number, parse_line(line)
        except SecoustiError as error:
            report(number, str(error))
