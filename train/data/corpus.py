"""What a training file names as data, opened: manifests, or one folder of prepared shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from secousti.errors import SecoustiError
from train.data.packed import PackedAudio, PackedCorpus
from train.data.shards import PackedShards


def open_corpus(
    sources: Sequence[str],
    split: str,
    root: str | Path,
    sample_rate: int,
    cache: str | Path,
    workers: int | None = None,
) -> PackedCorpus:
    """The audio of ``sources`` at one rate, packed first if it is not yet.

    Args:
        sources: manifests (.jsonl), or one folder (or address) of shards. split: of the shards.
        root: folder that the manifests' audio paths start from.

    Raises:
        SecoustiError: several sources that are not all manifests, or what ``PackedAudio`` and
            ``PackedShards`` raise.
    """
    if all(source.endswith(".jsonl") for source in sources):
        return PackedAudio(sources, root, sample_rate, cache, workers)
    if len(sources) > 1:
        raise SecoustiError(
            f"{len(sources)} sources are not all .jsonl manifests: {', '.join(sources)}; prepare "
            "them into one folder of shards (python -m data_prep prepare)"
        )
    return PackedShards(sources[0], split, sample_rate, cache, workers)
