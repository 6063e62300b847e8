"""What recordings were when they were read, so that a replaced one is not taken for the old."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import Any, Literal

from secousti.extraction.storage import filesystem, is_url, open_binary

Fingerprint = Literal["stat", "content"]
_VERSION_KEYS = ("ETag", "etag", "LastModified", "last_modified", "updated", "mtime")
_BLOCK = 1 << 20


def stamp(locations: Iterable[str], fingerprint: Fingerprint) -> str:
    """A hash that changes when one of the files does; a missing file is a state too.

    Args:
        locations: paths and URLs.
        fingerprint: ``stat`` looks at sizes and times of change (for URLs at what the storage
            tells without being read: size, ETag, date), ``content`` reads every byte.
    """
    digest = hashlib.blake2b(digest_size=16)
    look = _content if fingerprint == "content" else _stat
    for location in locations:
        digest.update(f"{location}\0{look(location)}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _stat(location: str) -> str:
    if not is_url(location) or location.startswith("file://"):
        try:
            found = os.stat(location.removeprefix("file://"))
        except (OSError, ValueError) as error:
            return type(error).__name__
        return f"{found.st_size} {found.st_mtime_ns}"
    fs, path = filesystem(location)
    try:
        about: dict[str, Any] = fs.info(path)
    except OSError as error:
        return type(error).__name__
    return f"{about.get('size')} {next((about[k] for k in _VERSION_KEYS if k in about), '')}"


def _content(location: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open_binary(location) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except (OSError, ValueError) as error:
        return type(error).__name__
    return digest.hexdigest()
