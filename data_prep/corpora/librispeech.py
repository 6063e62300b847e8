"""LibriSpeech: ``[subset/]speaker/chapter/speaker-chapter-x.flac``, a ``.trans.txt`` a chapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.corpora.base import english_row, read_lines
from data_prep.faults import Fault, OnFault
from data_prep.manifest import Row
from secousti.paths import walk_files

LICENSE = "CC-BY-4.0"
TRANSCRIPTS = ".trans.txt"


def read_librispeech(root: Path, on_fault: OnFault) -> Iterator[Row]:
    """Rows of a whole tree or of any folder of it (one subset, one speaker, one chapter)."""
    folder, texts = None, dict[str, str]()
    for path in (path for path in walk_files(root) if path.suffix == ".flac"):
        if path.parent != folder:
            _tell_missing(folder, texts, on_fault)
            folder, texts = path.parent, _transcripts(path.parent, on_fault)
        yield _row(path, texts.pop(path.stem, None), on_fault)
    _tell_missing(folder, texts, on_fault)


def _transcripts(folder: Path, on_fault: OnFault) -> dict[str, str]:
    """Texts of a chapter by the name of the recording."""
    lines = (line for path in folder.glob(f"*{TRANSCRIPTS}") for line in read_lines(path, on_fault))
    return {name: text.strip() for name, _, text in (line.partition(" ") for line in lines)}


def _row(path: Path, text: str | None, on_fault: OnFault) -> Row:
    name = f"librispeech-{path.stem}"
    if not text:
        on_fault(Fault("missing transcript", name, f"no line of a {TRANSCRIPTS} file beside it"))
    speaker = f"librispeech_{path.stem.partition('-')[0]}"
    return english_row(path, "librispeech", LICENSE, path.stem, speaker, text or None)


def _tell_missing(folder: Path | None, texts: dict[str, str], on_fault: OnFault) -> None:
    """What is left of a chapter's texts has no recording."""
    for name in texts:
        on_fault(Fault("missing audio", f"librispeech-{name}", f"not in {folder}"))
