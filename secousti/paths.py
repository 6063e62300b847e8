"""Names of files: what a command line means by them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from secousti.errors import SecoustiError

PIPE = "-"
STDIN = "standard input"


def find_files(item: str, suffixes: Collection[str]) -> Iterator[tuple[str, str]]:
    """A file, or the files below a folder that end in ``suffixes``: path, path below ``item``.

    Raises:
        SecoustiError: a folder without such files.
    """
    if not os.path.isdir(item):
        yield item, os.path.basename(item)
        return
    paths = sorted(
        path
        for path in Path(item).rglob("*")
        if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith(".")
    )
    if not paths:
        raise SecoustiError(f"{item} holds no files that end in {', '.join(sorted(suffixes))}")
    for path in paths:
        yield str(path), str(path.relative_to(item))
