"""What the readers share: finding files in a fixed order, reading transcripts, guessing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from data_prep.faults import Fault, OnFault
from data_prep.manifest import Row
from secousti.audio.io import AUDIO_SUFFIXES
from secousti.paths import walk_files

Reader = Callable[[Path, OnFault], Iterator[Row]]


def english_row(
    path: Path, corpus: str, license: str, stem: str, speaker: str, text: str | None
) -> Row:
    """A recording of an English corpus; its duration is found when it is decoded."""
    return Row(
        audio=str(path),
        speaker=speaker,
        language="en",
        duration=0.0,
        text=text,
        corpus=corpus,
        license=license,
        id=f"{corpus}-{stem}",
    )


def audio_files(root: Path) -> Iterator[Path]:
    """Every recording below ``root``, by suffix, in sorted order."""
    return (path for path in walk_files(root) if path.suffix.lower() in AUDIO_SUFFIXES)


def read_transcript(path: Path, name: str, on_fault: OnFault) -> str | None:
    """The text of a transcript file, None (and a fault) when it is missing, empty or not UTF-8."""
    try:
        text = path.read_bytes().decode("utf-8-sig").strip()
    except OSError:
        on_fault(Fault("missing transcript", name, f"{path} is not there"))
        return None
    except UnicodeDecodeError:
        on_fault(Fault("transcript not UTF-8", name, str(path)))
        return None
    if not text:
        on_fault(Fault("missing transcript", name, f"{path} is empty"))
    return text or None


def read_lines(path: Path, on_fault: OnFault) -> Iterator[str]:
    """The lines of a corpus's index, one by one; a line that is not UTF-8 becomes a fault."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig").rstrip("\r\n")
            except UnicodeDecodeError:
                name = line.split(b"|")[0].split(b"\t")[0].decode("ascii", "replace")
                on_fault(Fault("transcript not UTF-8", name, f"{path}, line {number}"))
                continue
            if text.strip():
                yield text
