"""What every output format offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from secousti.extraction.items import TokenRow
from secousti.extraction.settings import CodecFacts


class ShardWriter(ABC):
    """Writes one shard into ``folder``; equal rows give equal bytes."""

    def __init__(self, folder: Path, index: int, facts: CodecFacts) -> None:
        self.folder = folder
        self.index = index
        self.facts = facts

    @abstractmethod
    def add(self, rows: Sequence[TokenRow]) -> None:
        """Append rows."""

    @abstractmethod
    def close(self) -> None:
        """Finish the files."""


def described(row: TokenRow, facts: CodecFacts) -> dict[str, Any]:
    """Everything of a row but its arrays, JSON-able."""
    return {
        "id": row.id,
        "duration": row.duration,
        "num_samples": row.num_samples,
        "sample_rate": facts.sample_rate,
        "frame_rate": facts.frame_rate,
        "num_codebooks": facts.num_codebooks,
        "codebook_size": facts.codebook_size,
        "model": facts.weight_hash,
        **row.about,
    }
