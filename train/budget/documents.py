"""Training files of phases: a file of ``configs/``, the job's data, the command's changes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from data_prep.division import Recordings
from secousti.config import merge
from secousti.errors import SecoustiError
from train.budget.phase import Kind
from train.engine.settings import parse_override, read_document

CONFIGS = Path(__file__).parents[2] / "configs"
_PARTS: dict[Kind, frozenset[str]] = {
    "codec": frozenset({"codec", "training"}),
    "vocoder": frozenset({"vocoder", "mel", "training"}),
    "listener": frozenset({"listener", "mel", "training"}),
}


def phase_document(
    file: Path,
    kind: Kind,
    name: str,
    recordings: Recordings,
    cache: Path,
    filled: dict[str, Any],
    changes: Sequence[str],
) -> dict[str, Any]:
    """A whole training file.

    Args:
        file: what the phase is made from. filled: what the job fills in.
        changes: ``key=value``; for one phase or kind of phases ``NAME:key=value``. A key that
            this kind of file has no part for (``codec.`` in a vocoder's) is not for it.

    Raises:
        SecoustiError: a missing file or a change that is none.
    """
    data = {
        "root": str(Path(recordings.train).parent),
        "train": [recordings.train],
        "valid": [recordings.valid],
        "cache": str(cache.resolve()),
    }
    document = merge(read_document(file), {"training": {"data": data}})
    document = merge(document, filled)
    for change in changes:
        own = _own(change, kind, name)
        document = merge(document, own) if own is not None else document
    return document


def can_score() -> bool:
    """Whether PESQ and STOI are installed, which validation with sound needs."""
    return all(find_spec(name) is not None for name in ("pesq", "pystoi"))


def check_changes(changes: Sequence[str], names: Sequence[str]) -> None:
    """Raise a ``SecoustiError`` for a change that is for no phase or no ``key=value``."""
    for change in changes:
        scope, key = _parted(change)
        if scope and scope not in (*names, *_PARTS):
            known = ", ".join(dict.fromkeys((*names, *_PARTS)))
            raise SecoustiError(f"{change!r} is for {scope!r}; the phases are {known}")
        first = next(iter(parse_override(key)))
        if not any(first in parts for parts in _PARTS.values()):
            known = ", ".join(sorted(frozenset().union(*_PARTS.values())))
            raise SecoustiError(f"{change!r}: a key starts with one of {known}")


def _own(change: str, kind: Kind, name: str) -> dict[str, Any] | None:
    scope, key = _parted(change)
    if scope and scope not in (name, kind):
        return None
    parsed = parse_override(key)
    return parsed if parsed.keys() <= _PARTS[kind] else None


def _parted(change: str) -> tuple[str, str]:
    """The phase a change is for ("" for all), and the change."""
    before, equals, _ = change.partition("=")
    scope, colon, _ = before.partition(":")
    if not equals or not colon:
        return "", change
    return scope, change[len(scope) + 1 :]
