"""Phonemes of each mel frame, from manifests with timed ``phones``."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from secousti.errors import SecoustiError
from secousti.manifest import read_manifest
from secousti.text.regulator import frame_labels
from train.data.packed import Utterance, place_of


class Alignments:
    """Timed phonemes by audio path; utterances that are not in it have no labels.

    Args:
        root: folder that relative audio paths start from, here and in the corpus's manifests.
        paths: JSON Lines files; of each row ``audio``, ``language`` and ``phones``, which is
            ``[[start_s, end_s, label], ...]``, are read.
        sample_rate: of the model, Hz. hop: samples of a mel frame.
        delay: samples by which labels are moved later.

    Raises:
        SecoustiError: a file is missing or a line is not what it should be.
    """

    def __init__(
        self,
        root: str | Path,
        paths: Sequence[str | Path],
        sample_rate: int,
        hop: int,
        delay: int = 0,
    ) -> None:
        self.root = Path(root)
        self.sample_rate, self.hop, self.delay = sample_rate, hop, delay
        self.rows: dict[str, tuple[Any, str | None]] = {}
        for path in paths:
            self._read(Path(path))

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, audio: str, intervals: Sequence[Any], language: str | None) -> None:
        """Timed phonemes of one more utterance; without any it stays unaligned."""
        if intervals:
            self.rows[self._key(audio)] = (intervals, language)

    def has(self, row: Utterance) -> bool:
        """Whether an utterance has timed phonemes."""
        return (row.place or self._key(row.audio)) in self.rows

    def labels(self, row: Utterance, first: int, count: int, speed: float = 1.0) -> np.ndarray:
        """int64 [<= count]: ids of the utterance's mel frames from ``first`` on, maybe none.

        Frames are those of the utterance played ``speed`` times as fast.
        """
        known = self.rows.get(row.place or self._key(row.audio))
        if known is None:
            return np.zeros(0, np.int64)
        intervals, language = known
        ids = frame_labels(
            intervals,
            math.ceil(row.length / speed),
            self.hop,
            round(self.sample_rate / speed),  # a second then has so many samples
            language=language,
            delay=self.delay,
        )
        return ids[first : first + count].numpy()

    def _key(self, audio: str) -> str:
        return os.path.abspath(self.root / audio)

    def _read(self, path: Path) -> None:
        if not path.is_file():
            raise SecoustiError(f"the alignment file {path} does not exist; name a JSON Lines file")
        for entry in read_manifest(path, root=self.root, unique=False):
            phones = entry.fields.get("phones")
            if isinstance(phones, list) and phones:  # canonical phones without times are a string
                place = place_of(entry.location, entry.piece)
                self.rows[place] = (phones, entry.fields.get("language"))
