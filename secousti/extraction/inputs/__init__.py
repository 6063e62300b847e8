"""Where recordings come from: one module a kind, all behind ``Source``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from secousti.errors import SecoustiError
from secousti.extraction.inputs.base import Source
from secousti.extraction.storage import filesystem

Kind = Literal["auto", "folder", "manifest", "shar", "webdataset", "parquet"]


def open_source(location: str, workspace: Path, shard_size: int, kind: Kind = "auto") -> Source:
    """The source behind ``location``; its kind is guessed from names unless given.

    Args:
        workspace: a folder in which a source may keep its listing between runs.
        shard_size: utterances of an output shard, where the input does not cut it itself.

    Raises:
        SecoustiError: nothing there.
    """
    from secousti.extraction.inputs import listing, parquet, shar, webdataset

    chosen = _guess(location) if kind == "auto" else kind
    if chosen == "manifest":
        return listing.Manifest.open(location, shard_size)
    if chosen == "folder":
        return listing.folder(location, workspace, shard_size)
    if chosen == "parquet":
        return parquet.Parquet.open(location)
    if chosen == "shar":
        return shar.Shar.open(location)
    return webdataset.WebDataset.open(location)


def _guess(location: str) -> Kind:
    by_suffix: dict[str, Kind] = {
        ".jsonl": "manifest",
        ".parquet": "parquet",
        ".tar": "webdataset",
        ".tar.gz": "webdataset",
        ".tgz": "webdataset",
    }
    for suffix, kind in by_suffix.items():
        if location.endswith(suffix):
            return kind
    fs, path = filesystem(location)
    if not fs.isdir(path):
        raise SecoustiError(
            f"{location} is no folder, .jsonl manifest, .parquet file or .tar of samples"
        )
    names = [entry["name"].rsplit("/", 1)[-1] for entry in fs.ls(path, detail=True)]
    if any(name.startswith("cuts.") and ".jsonl" in name for name in names):
        return "shar"
    if any(name.endswith((".tar", ".tar.gz", ".tgz")) for name in names):
        return "webdataset"
    if any(name.endswith(".parquet") for name in names):
        return "parquet"
    return "folder"
