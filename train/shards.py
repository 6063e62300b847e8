"""Prepared shards (``python -m data_prep prepare``) as a corpus of the trainer.

Shards are read once, in order, into the same packed file that manifests give; crops are then
random access. Each machine packs the shards it has.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from secousti.errors import require
from train.packed import PackedAudio, Utterance

_LAYOUT = "packed-shards-1"  # part of the cache key: change it when the file's layout changes


class PackedShards(PackedAudio):
    """Random access to one split of prepared shards at one sampling rate.

    Arguments:
        folder: what ``data_prep prepare`` wrote. split: ``train`` or ``valid``.
        sample_rate: of the packed audio, Hz. cache_dir: where it is kept.

    Attributes:
        phones: timed phonemes of each row, ``[[start_s, end_s, label], ...]`` (maybe empty).

    Raises:
        SecoustiError: no such split, or lhotse is missing.
    """

    def __init__(
        self, folder: str | Path, split: str, sample_rate: int, cache_dir: str | Path
    ) -> None:
        from data_prep.loading import open_shards, read_index

        self.sample_rate = sample_rate
        index = json.dumps(read_index(folder), sort_keys=True)
        key = hashlib.sha256(f"{_LAYOUT} {sample_rate} {split} {index}".encode()).hexdigest()[:16]
        stem = Path(cache_dir) / f"shards-{split}-{sample_rate}-{key}"
        data, rows = stem.with_suffix(".i16"), stem.with_suffix(".json")
        if not rows.exists():
            _build(data, rows, open_shards(folder, split), sample_rate)
        entries = json.loads(rows.read_text("utf-8"))
        self.phones: list[list[list[Any]]] = [entry.pop("timed") for entry in entries]
        self.rows = [Utterance(**entry) for entry in entries]
        self.samples = np.memmap(data, dtype=np.int16, mode="r")


def _build(data: Path, index: Path, cuts: Any, rate: int) -> None:
    data.parent.mkdir(parents=True, exist_ok=True)
    temporary = data.with_suffix(f".{os.getpid()}.tmp")
    entries = []
    try:
        with temporary.open("wb") as file:
            for entry, pcm in track(_decoded(cuts, rate), description="packing shards"):
                entries.append(entry | {"offset": file.tell() // 2, "length": len(pcm)})
                file.write(pcm.tobytes())
        temporary.replace(data)
        temporary.write_text(json.dumps(entries, ensure_ascii=False), "utf-8")
        temporary.replace(index)  # the index appears last: it declares the data complete
    finally:
        temporary.unlink(missing_ok=True)


def _decoded(cuts: Any, rate: int) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    soxr = require("soxr", "data")
    for cut in cuts:
        segment = cut.supervisions[0]
        audio = soxr.resample(cut.load_audio()[0], cut.sampling_rate, rate)
        pcm = np.clip(np.round(audio * 32768), -32768, 32767).astype(np.int16)
        row = Utterance(
            audio=segment.id,
            speaker=segment.speaker,
            corpus="shards",
            language=segment.language,
            text=segment.text,
            phones=None,
            pinyin=None,
        )
        tier = (segment.alignment or {}).get("phone", [])
        timed = [[item.start, item.end, item.symbol] for item in tier]
        yield asdict(row) | {"timed": timed}, pcm
