"""A store of results under the hash of everything they depend on, so a second run is a lookup."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secousti.atomic import write_text


def fingerprint(*parts: Any) -> str:
    """SHA-256 of the JSON form of ``parts`` (strings, numbers, lists, dicts)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass
class Cache:
    """JSON values and binary files by content; ``directory=None`` remembers in memory only."""

    directory: Path | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    def path(self, kind: str, key: str, suffix: str) -> Path | None:
        """Where a value of this kind and key lies on disk; None without a directory."""
        return self.directory and self.directory / kind / key[:2] / f"{key}{suffix}"

    def remember(self, kind: str, parts: list[Any], make: Callable[[], Any]) -> Any:
        """The JSON value stored for ``parts``, or ``make()``, stored.

        A stored file that is not readable JSON counts as absent and is made again.
        """
        key = fingerprint(kind, parts)
        if key not in self.memory:
            self.memory[key] = self._load(kind, key, make)
        return self.memory[key]

    def _load(self, kind: str, key: str, make: Callable[[], Any]) -> Any:
        path = self.path(kind, key, ".json")
        if path is None:
            return make()
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError):
            value = make()
            write_text(path, json.dumps(value))  # NaN is a value here
            return value
