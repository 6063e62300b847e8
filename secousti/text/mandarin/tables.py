"""Tab-separated tables shipped with the package."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files


def table_lines(name: str) -> Iterator[list[str]]:
    """Fields of each line of ``secousti/text/data/NAME``; comments and empty lines are left out."""
    text = (files("secousti.text") / "data" / name).read_text("utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")
