"""Parquet: one row an utterance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from secousti.errors import require
from secousti.extraction.items import ABOUT, TokenRow
from secousti.extraction.outputs.base import ShardWriter, described
from secousti.extraction.settings import CodecFacts


class ParquetWriter(ShardWriter):
    """``00000.parquet``; columns as in docs/extraction.md."""

    def __init__(self, folder: Path, index: int, facts: CodecFacts) -> None:
        super().__init__(folder, index, facts)
        require("pyarrow", "extract")
        import pyarrow.parquet as pq

        self._schema = schema(facts)
        path = folder / f"{index:06d}.parquet"
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def add(self, rows: Sequence[TokenRow]) -> None:
        """One row group a call."""
        import pyarrow as pa

        if rows:
            table = pa.Table.from_pylist([self._entry(row) for row in rows], self._schema)
            self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()

    def _entry(self, row: TokenRow) -> dict[str, Any]:
        return {
            **described(row, self.facts),
            "codes": row.codes,
            "paralinguistic": row.paralinguistic,
        }


def schema(facts: CodecFacts) -> Any:
    """Columns of a shard; its metadata names the model."""
    import pyarrow as pa

    columns = [
        ("id", pa.string()),
        ("codes", pa.list_(pa.uint16())),
        ("paralinguistic", pa.list_(pa.int8())),
        ("duration", pa.float64()),
        ("num_samples", pa.int64()),
        ("sample_rate", pa.int32()),
        ("frame_rate", pa.float64()),
        ("num_codebooks", pa.int32()),
        ("codebook_size", pa.int32()),
        ("model", pa.string()),
        *((name, pa.string()) for name in ABOUT),
    ]
    return pa.schema(columns, metadata={"secousti.model_id": facts.model_id})
