"""Rows of a finished extraction, whatever the format of its shards."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from secousti.errors import SecoustiError, require
from secousti.extraction.journal import SHARDS


def read_rows(folder: Path, shard: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    """The rows of one shard of ``index.json``, in order.

    Each is a dict with ``id``, ``codes`` (uint16 [K * L]), ``paralinguistic`` (int8 [64] or
    ``None``), ``duration`` and the other columns that docs/extraction.md lists.

    Raises:
        SecoustiError: a file is missing or has another size than the index says.
    """
    for name, size in shard["files"].items():
        path = folder / SHARDS / name
        there = path.stat().st_size if path.is_file() else None
        if there != size:
            found = "is missing" if there is None else f"has {there} bytes instead of {size}"
            raise SecoustiError(f"{path} {found}: run 'secousti extract' again with --verify")
    readers = {"parquet": _parquet, "webdataset": _webdataset, "shar": _shar}
    return readers[kind](folder / SHARDS, sorted(shard["files"]))


def _parquet(folder: Path, names: list[str]) -> Iterator[dict[str, Any]]:
    require("pyarrow", "extract")
    import pyarrow.parquet as pq

    table = pq.ParquetFile(folder / names[0])
    for batch in table.iter_batches():
        columns = {name: batch.column(name) for name in batch.schema.names}
        for i in range(len(batch)):
            row = {
                name: column[i].as_py()
                for name, column in columns.items()
                if name not in ("codes", "paralinguistic")
            }
            yield {
                **row,
                "codes": columns["codes"][i].values.to_numpy(),
                "paralinguistic": _values(columns["paralinguistic"][i]),
            }


def _values(scalar: Any) -> np.ndarray | None:
    return scalar.values.to_numpy() if scalar.is_valid else None


def _webdataset(folder: Path, names: list[str]) -> Iterator[dict[str, Any]]:
    row: dict[str, Any] = {}
    with tarfile.open(folder / names[0], "r|") as tar:
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            suffix = member.name.partition(".")[2]
            if suffix == "json":
                if row:
                    yield row
                row = {**json.loads(file.read()), "paralinguistic": None}
            else:
                row[suffix.removesuffix(".npy")] = _npy(file.read())
    if row:
        yield row


def _npy(data: bytes) -> np.ndarray:
    import io

    array: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    return array


def _shar(folder: Path, names: list[str]) -> Iterator[dict[str, Any]]:
    lhotse = require("lhotse", "extract")
    fields = {name.split(".")[0]: [str(folder / name)] for name in names}
    for cut in lhotse.CutSet.from_shar(fields=fields, shuffle_shards=False):
        segment = cut.supervisions[0]
        custom = dict(cut.custom)
        has_voice = "paralinguistic" in custom
        row = {
            key: value
            for key, value in custom.items()
            if isinstance(value, (int, float, str)) and key != "shar_epoch"
        }
        yield {
            **row,
            "id": cut.id,
            "duration": cut.duration,
            "codes": cut.load_codes().reshape(-1),
            "paralinguistic": cut.load_paralinguistic() if has_voice else None,
            "text": segment.text,
            "speaker": segment.speaker,
            "language": segment.language,
            "phonemes": (segment.custom or {}).get("phonemes"),
        }
