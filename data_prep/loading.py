"""From shards to batches: lhotse reads and buckets, this module pads and labels frames.

Shards may lie in a folder, behind a URL (``https://``, ``s3://``; through fsspec), or behind a
command (``pipe:ssh host cat /data/{}``, where ``{}`` is the file's name).
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from secousti.errors import SecoustiError, require
from secousti.text.inventory import IGNORE
from secousti.text.regulator import frame_labels

# The far end of a pipe for URLs: a process of its own, so that reading and decoding overlap.
_COPY = (
    "import fsspec, shutil, signal, sys\n"
    "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"  # a reader may stop early
    "with fsspec.open(sys.argv[1], 'rb') as file: shutil.copyfileobj(file, sys.stdout.buffer)"
)


@dataclass
class Batch:
    """Utterances padded to the longest.

    Attributes:
        audio: float32 ``[B, 1, T]`` in [-1, 1], zeros after each end.
        lengths: samples, int64 ``[B]``.
        labels: phoneme ids, int64 ``[B, L]``; ``IGNORE`` where nothing is aligned.
        ids, speakers, languages, texts, phonemes: one entry an utterance.
    """

    audio: Tensor
    lengths: Tensor
    labels: Tensor
    ids: list[str]
    speakers: list[str]
    languages: list[str]
    texts: list[str | None]
    phonemes: list[list[str]]


def read_index(location: str | Path) -> dict[str, Any]:
    """``index.json`` of prepared shards, wherever they are.

    Raises:
        SecoustiError: it cannot be read, or is of another version.
    """
    try:
        index = json.loads(_fetch(str(location), "index.json"))
        version = index["version"]
    except (OSError, ValueError, KeyError, TypeError, subprocess.CalledProcessError) as error:
        raise SecoustiError(
            f"{location} holds no readable index.json ({error}); was it made by "
            "'python -m data_prep prepare'?"
        ) from None
    if version != 1:
        raise SecoustiError(f"{location} was written by version {version}; prepare it again")
    return index


def open_shards(
    location: str | Path,
    split: str = "train",
    *,
    shuffle: bool = False,
    seed: int = 0,
    only: Sequence[int] | None = None,
) -> Any:
    """A lazy lhotse CutSet over one split; each DataLoader worker reads shards of its own.

    Args:
        only: the numbers of some shards, which every process and worker then reads whole.

    Raises:
        SecoustiError: no such split.
    """
    index = read_index(location)
    if split not in index["splits"]:
        known = ", ".join(index["splits"])
        raise SecoustiError(f"{location} has no split {split!r}; it has {known}")
    shards = index["splits"][split]["shards"] if only is None else only
    fields = {
        "cuts": [_source(str(location), f"{split}/cuts.{i:06d}.jsonl.gz") for i in shards],
        "recording": [_source(str(location), f"{split}/recording.{i:06d}.tar") for i in shards],
    }
    return require("lhotse", "data").CutSet.from_shar(
        fields=fields,
        shuffle_shards=shuffle,
        seed=seed,
        split_for_dataloading=only is None,
    )


class Collate:
    """Turns a list of cuts into a ``Batch``; hand it to a DataLoader through ``batches``.

    Args:
        sample_rate: the model's, Hz.
        frame_size: samples a frame of the labels.
        delay: samples by which labels are moved later; see ``frame_labels``.
    """

    def __init__(self, sample_rate: int = 22050, frame_size: int = 256, delay: int = 0) -> None:
        self.sample_rate, self.frame_size, self.delay = sample_rate, frame_size, delay

    def __getitem__(self, cuts: Any) -> Batch:
        items = [self._one(cut) for cut in cuts]
        segments = [cut.supervisions[0] for cut in cuts]
        lengths = torch.tensor([len(wav) for wav, _ in items])
        pad = torch.nn.utils.rnn.pad_sequence
        return Batch(
            audio=pad([wav for wav, _ in items], batch_first=True).unsqueeze(1),
            lengths=lengths,
            labels=pad([labels for _, labels in items], True, IGNORE),
            ids=[segment.id for segment in segments],
            speakers=[segment.speaker for segment in segments],
            languages=[segment.language for segment in segments],
            texts=[segment.text for segment in segments],
            phonemes=[(s.custom or {}).get("phonemes", "").split() for s in segments],
        )

    def _one(self, cut: Any) -> tuple[Tensor, Tensor]:
        wav = torch.from_numpy(cut.load_audio()[0])
        if cut.sampling_rate != self.sample_rate:
            resampled = require("soxr", "data").resample(
                wav.numpy(), cut.sampling_rate, self.sample_rate
            )
            wav = torch.from_numpy(resampled)
        tier = (cut.supervisions[0].alignment or {}).get("phone", [])
        intervals = [(item.start, item.end, item.symbol) for item in tier]
        labels = frame_labels(
            intervals, len(wav), self.frame_size, self.sample_rate, delay=self.delay
        )
        return wav, labels


def batches(
    location: str | Path,
    split: str = "train",
    *,
    max_seconds: float = 60.0,
    buckets: int = 10,
    buffer_size: int = 2000,
    workers: int = 1,
    shuffle: bool = True,
    seed: int = 0,
    collate: Collate | None = None,
) -> Any:
    """A DataLoader of ``Batch`` in which utterances of like length meet.

    Args:
        max_seconds: audio a batch at most, padding included in the sampler's estimate.
        buckets: classes of duration.
        buffer_size: utterances read ahead (without their audio decoded) to choose from.
        workers: decoding processes, at most one a shard; 0 decodes in this one.
    """
    dataset = require("lhotse.dataset", "data")
    cuts = open_shards(location, split, shuffle=shuffle, seed=seed)
    workers = min(workers, len(read_index(location)["splits"][split]["shards"]))
    sampler = dataset.DynamicBucketingSampler(
        cuts,
        max_duration=max_seconds,
        num_buckets=buckets,
        num_cuts_for_bins_estimate=buffer_size,
        buffer_size=buffer_size,
        shuffle=shuffle,
        seed=seed,
        rank=0,
        world_size=1,
    )
    wrapped = dataset.iterable_dataset.IterableDatasetWrapper(collate or Collate(), sampler)
    return torch.utils.data.DataLoader(wrapped, batch_size=None, num_workers=workers)


def _source(location: str, name: str) -> str:
    """What lhotse is given to open: a path, or a command that writes the file to its output."""
    if "://" not in location and not location.startswith("pipe:"):
        return str(Path(location) / name)
    if location.startswith("pipe:"):
        command = location.replace("{}", name) if "{}" in location else f"{location}/{name}"
    else:
        url = shlex.quote(f"{location.rstrip('/')}/{name}")
        command = f"pipe:{shlex.quote(sys.executable)} -c {shlex.quote(_COPY)} {url}"
    return f"{command} | gzip -dc" if name.endswith(".gz") else command


def _fetch(location: str, name: str) -> bytes:
    source = _source(location, name)
    if source.startswith("pipe:"):
        command = source.removeprefix("pipe:")
        return subprocess.run(command, shell=True, check=True, capture_output=True).stdout
    return Path(source).read_bytes()
