"""Prepared shards (``python -m data_prep prepare``) as a corpus of the trainers.

Every shard is read once, whole and in order, into a part of the same cache that manifests give;
crops are then random access. How many processes train has no say in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from secousti.errors import SecoustiError
from train.data.build import Entry, Part, key_of
from train.data.decode import to_pcm
from train.data.packed import PackedCorpus, Utterance

_LAYOUT = "packed-shards-2"  # part of the cache key: change it when the file's layout changes


class PackedShards(PackedCorpus):
    """Random access to one split of prepared shards at one sampling rate.

    Args:
        folder: what ``data_prep prepare`` wrote. split: ``train`` or ``valid``.
        sample_rate: of the packed audio, Hz. cache_dir: where it is kept.
        workers: decoding threads; by default one for each core.

    Attributes:
        phones: timed phonemes of each row, ``[[start_s, end_s, label], ...]`` (maybe empty).

    Raises:
        SecoustiError: no such split, other utterances than the shards' index lists, or lhotse is
            missing.
    """

    def __init__(
        self,
        folder: str | Path,
        split: str,
        sample_rate: int,
        cache_dir: str | Path,
        workers: int | None = None,
    ) -> None:
        from data_prep.loading import read_index

        index = read_index(folder)
        if split not in index["splits"]:
            known = ", ".join(index["splits"])
            raise SecoustiError(f"{folder} has no split {split!r}; it has {known}")
        listed = index["splits"][split]
        each = -(-listed["utterances"] // max(len(listed["shards"]), 1))
        parts = [_Shard(str(folder), split, n, sample_rate, each) for n in listed["shards"]]
        super().__init__(parts, sample_rate, cache_dir, workers)
        found = len(self.rows) + len(self.faults)
        if found != listed["utterances"]:
            raise SecoustiError(
                f"the shards of {folder} hold {found} utterances of {split!r}, but index.json "
                f"lists {listed['utterances']}; prepare them again (python -m data_prep prepare)"
            )
        self.phones: list[list[list[Any]]] = [extra["timed"] for extra in self.extras]


class _Shard(Part):
    """One shard; its name tells its files' sizes and times of change where they are local."""

    def __init__(self, folder: str, split: str, number: int, rate: int, count: int) -> None:
        self.folder, self.split, self.number, self.rate = folder, split, number, rate
        self.count = count
        files = sorted(Path(folder, split).glob(f"*.{number:06d}.*"))
        stamps = [[f.name, f.stat().st_size, f.stat().st_mtime_ns] for f in files]
        where = str(Path(folder).resolve()) if files else folder
        self.key = f"shard-{split}-{rate}-{key_of(_LAYOUT, rate, split, where, number, stamps)}"

    def entries(self) -> Iterator[Entry]:
        from data_prep.loading import open_shards

        for cut in open_shards(self.folder, self.split, only=[self.number]):
            segment = cut.supervisions[0]
            pcm, fault = to_pcm(cut.load_audio()[0], cut.sampling_rate, self.rate)
            row = asdict(
                Utterance(
                    audio=segment.id,
                    speaker=segment.speaker,
                    corpus="shards",
                    language=segment.language,
                    text=segment.text,
                    phones=None,
                    pinyin=None,
                )
            )
            tier = (segment.alignment or {}).get("phone", [])
            row |= {"timed": [[item.start, item.end, item.symbol] for item in tier]}
            yield (row | {"fault": fault} if fault else row), pcm
