"""AISHELL-3: ``{train,test}/content.txt`` and ``{train,test}/wav/SPEAKER/SPEAKERnnnn.wav``.

The corpus's own pinyin becomes the pronunciation. lhotse's recipe (1.33) loses it: it drops every
second field of a line before it looks for the pinyin there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_prep.corpora.base import audio_files, read_lines
from data_prep.faults import Fault, OnFault
from data_prep.manifest import Row

LICENSE = "Apache-2.0"


def read_aishell3(root: Path, on_fault: OnFault) -> Iterator[Row]:
    """Rows of the whole corpus, or of its ``train`` or ``test`` folder alone."""
    parts = [root] if (root / "content.txt").is_file() else [root / "train", root / "test"]
    for part in parts:
        if (part / "content.txt").is_file():
            yield from _read_part(part, on_fault)


def _read_part(part: Path, on_fault: OnFault) -> Iterator[Row]:
    transcripts = dict(_transcripts(part, on_fault))
    for path in audio_files(part / "wav"):
        fields = transcripts.pop(path.name, None)
        name = f"aishell3-{path.stem}"
        if fields is None:
            on_fault(Fault("missing transcript", name, f"{part / 'content.txt'} has no such line"))
        yield Row(
            audio=str(path),
            speaker=path.parent.name,
            language="zh",
            duration=0.0,
            text="".join(fields[0::2]) if fields else None,
            pronunciation=" ".join(fields[1::2]) if fields else None,
            corpus="aishell3",
            license=LICENSE,
            id=name,
        )
    for missing in transcripts:
        on_fault(Fault("missing audio", f"aishell3-{Path(missing).stem}", f"no {missing}"))


def _transcripts(part: Path, on_fault: OnFault) -> Iterator[tuple[str, list[str]]]:
    """File name and its fields: character, pinyin, character, pinyin, ..."""
    for line in read_lines(part / "content.txt", on_fault):
        file_name, _, content = line.partition("\t")
        fields = content.split()
        if fields:
            yield file_name.strip(), fields
