"""WebDataset: a tar with ``.json``, ``.codes.npy`` and ``.paralinguistic.npy`` a sample."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from secousti.extraction.items import TokenRow
from secousti.extraction.outputs.base import ShardWriter, described
from secousti.extraction.settings import CodecFacts


class WebDatasetWriter(ShardWriter):
    """``000000.tar``. Keys are running numbers (ids may hold dots); the id is in the JSON."""

    def __init__(self, folder: Path, index: int, facts: CodecFacts) -> None:
        super().__init__(folder, index, facts)
        # USTAR headers without owner or time: equal rows give equal bytes.
        path = folder / f"{index:06d}.tar"
        self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        self._count = 0

    def add(self, rows: Sequence[TokenRow]) -> None:
        for row in rows:
            key = f"{self.index:06d}-{self._count:08d}"
            text = json.dumps(described(row, self.facts), ensure_ascii=False)
            self._member(f"{key}.json", text.encode())
            self._member(f"{key}.codes.npy", npy(row.codes))
            if row.paralinguistic is not None:
                self._member(f"{key}.paralinguistic.npy", npy(row.paralinguistic))
            self._count += 1

    def close(self) -> None:
        self._tar.close()

    def _member(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._tar.addfile(info, io.BytesIO(data))


def npy(array: np.ndarray) -> bytes:
    """An array as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
