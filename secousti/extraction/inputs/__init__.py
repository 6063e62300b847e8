"""Where recordings come from: one module a kind, all behind ``Source``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from secousti.errors import SecoustiError
from secousti.extraction.inputs.base import Source
from secousti.extraction.storage import filesystem

Kind = Literal[
    "auto", "folder", "manifest", "shar", "webdataset", "parquet", "cuts", "kaldi", "table", "file"
]
KNOWN = (
    "a folder of recordings, a recording, a .jsonl manifest (also NeMo's), lhotse cuts (.jsonl.gz) "
    "or Shar, Kaldi's wav.scp, a .csv or .tsv table (also LJSpeech's and Common Voice's), "
    "WebDataset (.tar), or Parquet (also a Hugging Face folder)"
)


def open_source(location: str, workspace: Path, shard_size: int, kind: Kind = "auto") -> Source:
    """The source behind ``location``; its kind is guessed from names unless given.

    Args:
        workspace: a folder in which a source may keep its listing between runs.
        shard_size: utterances of an output shard, where the input does not cut it itself.

    Raises:
        SecoustiError: nothing there, or of no kind that is known.
    """
    from secousti.extraction.inputs import listing, others, parquet, shar, webdataset

    chosen = _guess(location) if kind == "auto" else kind
    if chosen == "manifest":
        return listing.Manifest.open(location, shard_size)
    if chosen == "parquet":
        return parquet.Parquet.open(location)
    if chosen == "shar":
        return shar.Shar.open(location)
    if chosen == "webdataset":
        return webdataset.WebDataset.open(location)
    makers = {
        "folder": listing.folder,
        "file": others.single,
        "kaldi": others.kaldi,
        "table": others.table,
        "cuts": others.cuts,
        "packed": others.packed,
    }
    location, inside = _inside(location, chosen)
    return makers[chosen](inside or location, workspace, shard_size)


def _inside(location: str, kind: str) -> tuple[str, str | None]:
    """The file that a folder of Kaldi's or of cuts means."""
    fs, path = filesystem(location)
    if kind == "kaldi" and fs.isdir(path):
        return location, f"{location.rstrip('/')}/wav.scp"
    if kind == "cuts" and fs.isdir(path):
        found = sorted(e["name"] for e in fs.ls(path, detail=True) if _is_cuts(e["name"]))
        return location, f"{location.rstrip('/')}/{found[0].rsplit('/', 1)[-1]}" if found else None
    return location, None


def _is_cuts(name: str) -> bool:
    name = name.rsplit("/", 1)[-1]
    return "cuts" in name and name.endswith((".jsonl", ".jsonl.gz"))


def _guess(location: str) -> str:
    from secousti.audio.io import AUDIO_SUFFIXES
    from secousti.extraction.inputs.others import holds_cuts
    from secousti.extraction.storage import find

    by_suffix = {
        ".jsonl": "manifest",
        ".jsonl.gz": "packed",
        ".parquet": "parquet",
        ".tar": "webdataset",
        ".tar.gz": "webdataset",
        ".tgz": "webdataset",
        ".scp": "kaldi",
        ".csv": "table",
        ".tsv": "table",
        **dict.fromkeys(AUDIO_SUFFIXES, "file"),
    }
    fs, path = filesystem(location)
    if not fs.isdir(path):
        kind = next((k for s, k in by_suffix.items() if location.lower().endswith(s)), None)
        if kind is None:
            known = "does not exist" if not fs.exists(path) and "*" not in path else "is not known"
            raise SecoustiError(f"{location} {known}: the input may be {KNOWN}")
        return "cuts" if kind in ("manifest", "packed") and holds_cuts(location) else kind
    names = [entry["name"].rsplit("/", 1)[-1] for entry in fs.ls(path, detail=True)]
    cuts = any(_is_cuts(name) for name in names)
    if cuts and any(name.startswith("recording.") for name in names):
        return "shar"
    if any(name.endswith((".tar", ".tar.gz", ".tgz")) for name in names):
        return "webdataset"
    if any(name.endswith(".parquet") for name in names):
        return "parquet"
    if "wav.scp" in names:
        return "kaldi"
    if cuts:
        return "cuts"
    below = list(find(location))
    sound = any(os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES for name in below)
    return "parquet" if not sound and any(n.endswith(".parquet") for n in below) else "folder"
