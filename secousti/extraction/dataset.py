"""Extracted tokens as a PyTorch dataset, and as a Hugging Face one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import ChainDataset, IterableDataset, get_worker_info

from secousti.encoded import Encoded
from secousti.errors import SecoustiError, require
from secousti.extraction.journal import SHARDS
from secousti.extraction.readers import read_rows
from secousti.extraction.run import read_index
from secousti.voice import dequantize

if TYPE_CHECKING:
    from secousti.base import Codec

PAD = -1  # not a token


class TokenDataset(IterableDataset[dict[str, Any]]):
    """Utterances of a finished extraction, shared out over ranks and DataLoader workers.

    Each is a dict: ``id``, ``codes`` int64 [K, L], ``paralinguistic`` float32 [64] in [-1, 1] or
    ``None``, ``duration`` in seconds, and ``text``, ``phonemes``, ``speaker``, ``language``
    (``None`` where unknown).

    Args:
        shuffle: shards in a random order and rows through a buffer of ``buffer`` utterances;
            every epoch differently (``set_epoch``), every rank and worker alike.
        rank, world_size: of data-parallel training; from ``torch.distributed`` by default.

    Raises:
        SecoustiError: ``folder`` is no finished extraction.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        shuffle: bool = False,
        buffer: int = 4096,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.index = read_index(folder)
        self.codec: dict[str, Any] = self.index["codec"]
        self.shuffle, self.buffer, self.seed = shuffle, buffer, seed
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.rank = rank if rank is not None else _distributed("get_rank", 0, distributed)
        self.world_size = world_size or _distributed("get_world_size", 1, distributed)
        self.epoch = 0

    def __len__(self) -> int:
        """Utterances of the whole extraction."""
        return int(self.index["totals"]["items"])

    def set_epoch(self, epoch: int) -> None:
        """Another order for ``shuffle``."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, Any]]:
        order = random.Random(f"{self.seed}/{self.epoch}")
        shards = list(self.index["shards"])
        if self.shuffle:
            order.shuffle(shards)
        rows = self._rows(*self._share(shards))
        yield from _shuffled(rows, self.buffer, order) if self.shuffle else rows

    def _share(self, shards: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int, int]:
        """What this worker reads: (shards, first row, step between rows)."""
        worker = get_worker_info()
        workers, number = (worker.num_workers, worker.id) if worker else (1, 0)
        parts, part = self.world_size * workers, self.rank * workers + number
        if len(shards) >= parts:
            return shards[part::parts], 0, 1
        return shards, part, parts  # few shards: every part reads all, and keeps its rows

    def _rows(
        self, shards: list[dict[str, Any]], first: int, step: int
    ) -> Iterator[dict[str, Any]]:
        count = 0
        for shard in shards:
            for row in read_rows(self.folder, shard, self.index["format"]):
                if count % step == first:
                    yield self._example(row)
                count += 1

    def _example(self, row: dict[str, Any]) -> dict[str, Any]:
        codes = torch.from_numpy(row["codes"].astype("int64"))
        voice = row["paralinguistic"]
        return {
            "id": row["id"],
            "codes": codes.view(-1, self.codec["num_codebooks"]).T.contiguous(),
            "paralinguistic": None if voice is None else dequantize(torch.from_numpy(voice.copy())),
            "duration": row["duration"],
            "num_samples": row["num_samples"],
            **{key: row.get(key) for key in ("text", "phonemes", "speaker", "language")},
        }


def same_tokens(made_by: dict[str, Any], codec: Codec) -> bool:
    """Whether ``codec`` reads the tokens of an extraction (``TokenDataset.codec``).

    Of an extraction from before there were token hashes, only the very same weights do.
    """
    if "token_hash" in made_by:
        return bool(made_by["token_hash"] == codec.token_hash)
    return bool(made_by["weight_hash"] == codec.weight_hash)


def together(folders: Sequence[str | Path], **options: Any) -> ChainDataset:
    """Several extractions as one dataset; ``options`` are those of ``TokenDataset``.

    Raises:
        SecoustiError: no finished extraction, or tokens of different codecs.
    """
    datasets = [TokenDataset(folder, **options) for folder in folders]
    names = [d.codec.get("token_hash", d.codec["weight_hash"]) for d in datasets]
    if len(set(names)) > 1:
        told = ", ".join(f"{d.folder} ({name})" for d, name in zip(datasets, names, strict=True))
        raise SecoustiError(f"tokens of different codecs (token hashes) do not mix: {told}")
    return ChainDataset(datasets)


def collate(examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A batch: ``codes`` int64 [B, K, L] padded with ``PAD``, ``lengths`` int64 [B],
    ``paralinguistic`` float32 [B, 64] if every utterance has it, lists of the rest."""
    rows = [example["codes"].T for example in examples]
    codes = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    voices = [example["paralinguistic"] for example in examples]
    rest = set(examples[0]) - {"codes", "paralinguistic"}
    return {
        **{key: [example[key] for example in examples] for key in sorted(rest)},
        "codes": codes.transpose(1, 2),
        "lengths": torch.tensor([len(row) for row in rows]),
        "paralinguistic": None if None in voices else torch.stack(voices),
    }


def to_encoded(example: dict[str, Any], codec: dict[str, Any]) -> Encoded:
    """An example of ``TokenDataset`` (with its ``codec``) as what ``codec.decode`` takes."""
    codes, voice = example["codes"][None], example["paralinguistic"]
    return Encoded(
        codes=codes,
        lengths=torch.tensor([codes.shape[-1]]),
        num_samples=torch.tensor([example["num_samples"]]),
        sample_rate=codec["sample_rate"],
        codebook_size=codec["codebook_size"],
        paralinguistic=None if voice is None else voice[None],
    )


def load_hugging_face(folder: str | Path, *, streaming: bool = False, **options: Any) -> Any:
    """A ``datasets.Dataset`` (or ``IterableDataset``) over Parquet shards.

    ``options`` go to ``datasets.load_dataset`` (``cache_dir``, ``num_proc``).

    Raises:
        SecoustiError: ``datasets`` is missing, or the shards are not Parquet.
    """
    index = read_index(folder)
    if index["format"] != "parquet":
        raise SecoustiError(
            f"{folder} holds {index['format']} shards; Hugging Face datasets reads Parquet: "
            "extract with --format parquet, or use TokenDataset"
        )
    files = sorted(
        str(Path(folder) / SHARDS / name) for s in index["shards"] for name in s["files"]
    )
    datasets = require("datasets", "extract")
    return datasets.load_dataset(
        "parquet", data_files=files, split="train", streaming=streaming, **options
    )


def _shuffled(
    rows: Iterator[dict[str, Any]], size: int, order: random.Random
) -> Iterator[dict[str, Any]]:
    buffer: list[dict[str, Any]] = []
    for row in rows:
        if len(buffer) < size:
            buffer.append(row)
            continue
        place = order.randrange(size)
        row, buffer[place] = buffer[place], row
        yield row
    order.shuffle(buffer)
    yield from buffer


def _distributed(name: str, default: int, initialised: bool) -> int:
    return int(getattr(torch.distributed, name)()) if initialised else default
