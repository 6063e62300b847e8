"""lhotse Shar: cuts without audio, with ``codes`` and ``paralinguistic`` as fields."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from secousti.errors import require
from secousti.extraction.items import TokenRow
from secousti.extraction.outputs.base import ShardWriter, described
from secousti.extraction.settings import CodecFacts


class SharWriter(ShardWriter):
    """``cuts.000000.jsonl``, ``codes.000000.tar`` and ``paralinguistic.000000.tar``.

    ``CutSet.from_shar(in_dir=...)`` reads them: ``cut.load_codes()`` is [L, K].
    """

    def __init__(self, folder: Path, index: int, facts: CodecFacts) -> None:
        super().__init__(folder, index, facts)
        writers = require("lhotse.shar.writers.array", "extract")
        # Not gzip, whose header holds the time: equal rows give equal bytes.
        self._cuts = open(folder / f"cuts.{index:06d}.jsonl", "w", encoding="utf-8")  # noqa: SIM115
        self._fields = {
            name: writers.ArrayTarWriter(
                str(folder / f"{name}.{index:06d}.tar"), shard_size=None, compression="numpy"
            )
            for name in ("codes", "paralinguistic")
        }
        for writer in self._fields.values():
            writer.tar_writer.reset()

    def add(self, rows: Sequence[TokenRow]) -> None:
        for row in rows:
            cut = self._cut(row)
            self._cuts.write(json.dumps(cut.to_dict(), ensure_ascii=False) + "\n")
            codes = row.codes.reshape(-1, self.facts.num_codebooks)
            self._fields["codes"].write(row.id, codes, _array(codes))
            voice = self._fields["paralinguistic"]
            if row.paralinguistic is None:
                voice.write_placeholder(row.id)
            else:
                voice.write(row.id, row.paralinguistic, _array(row.paralinguistic))

    def close(self) -> None:
        self._cuts.close()
        for writer in self._fields.values():
            writer.close()

    def _cut(self, row: TokenRow) -> Any:
        from lhotse import MonoCut, SupervisionSegment

        about = dict(row.about)
        phonemes = about.pop("phonemes", None)
        segment = SupervisionSegment(
            id=row.id,
            recording_id=row.id,
            start=0,
            duration=row.duration,
            custom=None if phonemes is None else {"phonemes": phonemes},
            **about,
        )
        custom = described(row, self.facts)
        for name in ("id", "duration", *row.about):
            del custom[name]
        return MonoCut(row.id, 0, row.duration, 0, supervisions=[segment], custom=custom)


def _array(values: np.ndarray) -> Any:
    """Not a TemporalArray: lhotse would cut the last token off, which is longer than its audio."""
    from lhotse.array import Array

    return Array("memory_raw", "", "", list(values.shape))
