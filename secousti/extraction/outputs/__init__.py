"""How shards are stored: one module a format, all behind ``ShardWriter``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from secousti.extraction.outputs.base import ShardWriter
from secousti.extraction.settings import CodecFacts, Format


def open_writer(kind: Format, folder: Path, index: int, facts: CodecFacts) -> ShardWriter:
    """A writer of shard ``index`` that makes its files in ``folder``.

    Raises:
        SecoustiError: the package of that format is missing.
    """
    from secousti.extraction.outputs.parquet import ParquetWriter
    from secousti.extraction.outputs.shar import SharWriter
    from secousti.extraction.outputs.webdataset import WebDatasetWriter

    writers: dict[str, Callable[[Path, int, CodecFacts], ShardWriter]] = {
        "parquet": ParquetWriter,
        "webdataset": WebDatasetWriter,
        "shar": SharWriter,
    }
    return writers[kind](folder, index, facts)
