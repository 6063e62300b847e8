"""VCTK 0.92 (``wav48_silence_trimmed``, two microphones) and 0.80 (``wav48``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from data_prep.corpora.base import audio_files, english_row, read_transcript
from data_prep.faults import OnFault
from data_prep.manifest import Row

LICENSE = "CC-BY-4.0"
FOLDERS = ("wav48_silence_trimmed", "wav48")


def read_vctk(root: Path, on_fault: OnFault) -> Iterator[Row]:
    """One row an utterance: the second microphone, or the first where there is no second.

    Speaker p315 has no transcripts; the recordings are kept without text.
    """
    folder = next(root / name for name in FOLDERS if (root / name).is_dir())
    for path in audio_files(folder):
        stem = re.sub(r"_mic\d$", "", path.stem)
        if path.stem.endswith("_mic1") and path.with_name(f"{stem}_mic2{path.suffix}").is_file():
            continue
        speaker = path.parent.name
        text = read_transcript(root / "txt" / speaker / f"{stem}.txt", f"vctk-{stem}", on_fault)
        yield english_row(path, "vctk", LICENSE, stem, f"vctk_{speaker}", text)
