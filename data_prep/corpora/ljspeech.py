"""LJSpeech: ``metadata.csv`` (``id|text|text with numbers spelled out``) and ``wavs/id.wav``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.corpora.base import audio_files, english_row, read_lines
from data_prep.faults import Fault, OnFault
from data_prep.manifest import Row

LICENSE = "public domain"


def read_ljspeech(root: Path, on_fault: OnFault) -> Iterator[Row]:
    """Rows with the normalised text (the last column)."""
    lines = (line.split("|") for line in read_lines(root / "metadata.csv", on_fault))
    texts = {fields[0].strip(): fields[-1].strip() for fields in lines if len(fields) > 1}
    for path in audio_files(root / "wavs"):
        text = texts.pop(path.stem, None)
        name = f"ljspeech-{path.stem}"
        if not text:
            on_fault(Fault("missing transcript", name, "metadata.csv has no text for it"))
        yield english_row(path, "ljspeech", LICENSE, path.stem, "ljspeech", text or None)
    for missing in texts:
        on_fault(Fault("missing audio", f"ljspeech-{missing}", f"wavs/{missing}.wav is not there"))
