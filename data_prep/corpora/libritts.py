"""LibriTTS and LibriTTS-R: ``[subset/]speaker/chapter/speaker_chapter_x_y.wav`` and its texts.

lhotse's recipe is not used: it opens every file before the first row appears, holds the corpus in
memory and stops at the first broken one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.corpora.base import english_row, read_transcript
from data_prep.faults import Fault, OnFault
from data_prep.manifest import Row
from secousti.paths import walk_files

LICENSE = "CC-BY-4.0"


def read_libritts(root: Path, on_fault: OnFault) -> Iterator[Row]:
    """Rows of a whole tree or of any folder of it (one subset, one speaker)."""
    corpus = "libritts-r" if "libritts_r" in str(root).lower() else "libritts"
    for path in walk_files(root):
        stem = path.name.partition(".")[0]
        wav = path.with_name(stem + ".wav")
        if path.name.endswith(".normalized.txt") and not wav.is_file():
            on_fault(Fault("missing audio", f"{corpus}-{stem}", f"{wav} is not there"))
        if path.suffix == ".wav":
            name = f"{corpus}-{stem}"
            text = read_transcript(path.with_name(stem + ".normalized.txt"), name, on_fault)
            speaker = f"libritts_{stem.partition('_')[0]}"
            yield english_row(path, corpus, LICENSE, stem, speaker, text)
