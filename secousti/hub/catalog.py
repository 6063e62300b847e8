"""What models are at hand, without loading their weights."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from secousti.config import from_dict
from secousti.container.header import Header, same_hash
from secousti.entropy import LearnedCoder
from secousti.errors import SecoustiError
from secousti.hub.identity import load_coder_of
from secousti.hub.resolve import (
    bundled_folder,
    bundled_models,
    codec_class,
    load_codec,
    read_config,
)
from secousti.hub.shared import weight_files


@dataclass(frozen=True)
class Facts:
    """What a configuration says of a model.

    Attributes:
        sample_rate: Hz. bitrate: of the tokens, bits per second.
        latency: seconds; ``None`` when the whole recording is needed.
    """

    sample_rate: int
    bitrate: float
    latency: float | None


@dataclass(frozen=True)
class ModelEntry:
    """One model: its name for ``from_pretrained``, where it lies, its kind and its folder."""

    name: str
    where: str
    kind: str
    folder: Path

    @property
    def size(self) -> int:
        """Bytes of the weights, a vocoder that it shares with other models included."""
        try:
            files = [path for _, path in weight_files(self.folder, read_config(self.folder))]
        except SecoustiError:
            return 0  # it names a vocoder of another version
        return sum(path.stat().st_size for path in files if path.is_file())

    @functools.cached_property
    def token_hash(self) -> str:
        """Of its codec, as config.json says or else its weights; empty if it cannot be loaded."""
        told = read_config(self.folder).get("token_hash")
        if isinstance(told, str):
            return told
        try:
            return load_codec(self.folder).token_hash
        except SecoustiError:
            return ""

    def facts(self) -> Facts | None:
        """``None`` for a model that this version does not know how to build."""
        kind = codec_class(self.kind)
        if kind is None:
            return None
        try:
            config = from_dict(kind.config_class, read_config(self.folder)["config"])
        except SecoustiError:
            return None
        with torch.device("meta"):  # shapes only: no memory, no time
            codec = kind(config)
            samples = codec.latency()
        latency = None if samples is None else samples / codec.sample_rate
        return Facts(codec.sample_rate, codec.bitrate, latency)


def models() -> list[ModelEntry]:
    """Bundled models, then those cached from the Hugging Face Hub."""
    found = [_entry(name, "bundled", bundled_folder(name)) for name in bundled_models()]
    found += [_entry(name, "Hub cache", folder) for name, folder in _cached()]
    return [entry for entry in found if entry is not None]


def readers(header: Header) -> list[ModelEntry]:
    """The models at hand that read the tokens of a file, by its token hash; of version 1, which
    has none, those of the name it gives."""
    if header.token_hash:
        return [entry for entry in models() if same_hash(entry.token_hash, header.token_hash)]
    return [entry for entry in models() if entry.name.split("/")[-1] == header.model]


def coders_at_hand(header: Header) -> Sequence[LearnedCoder]:
    """The learned coders of all models at hand that read the tokens of a file."""
    found = [load_coder_of(entry.folder) for entry in readers(header)]
    return [coder for coder in found if coder is not None]


def _entry(name: str, where: str, folder: Path) -> ModelEntry | None:
    try:
        document: dict[str, Any] = read_config(folder)
    except SecoustiError:
        return None  # another library's model
    return ModelEntry(name, where, str(document.get("codec", "?")), folder)


def _cached() -> list[tuple[str, Path]]:
    """Names and newest snapshots of the cached repositories that hold a configuration."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return []
    newest = {
        repo.repo_id: max(repo.revisions, key=lambda revision: revision.last_modified)
        for repo in repos
        if repo.repo_type == "model" and repo.revisions
    }
    return sorted((name, Path(revision.snapshot_path)) for name, revision in newest.items())
