"""Checkpoints without pickles: checksummed, written whole or not at all, last and best kept.

A checkpoint is a folder ``step_00001000``: weights, averages and optimizers as safetensors,
everything else as text in ``state.json``, the model as users load it, and ``files.json``, which
says how long each file is and what its SHA-256 is. ``last`` and ``best`` are links for people:
nothing here depends on them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from secousti.errors import SecoustiError

STATE, _FILES = "state.json", "files.json"
_NAME = re.compile(r"step_\d{8,}")


class CheckpointFolder:
    """The checkpoints of one run.

    Args:
        root: ``OUTPUT/checkpoints``. keep_last: how many stay, besides the best.
    """

    def __init__(self, root: str | Path, keep_last: int) -> None:
        self.root = Path(root)
        self.keep_last = keep_last

    def save(self, step: int, write: Callable[[Path], None], best: bool) -> Path:
        """Let ``write`` fill a folder, then give it its name, update links, remove old ones."""
        self.root.mkdir(parents=True, exist_ok=True)
        for stale in self.root.glob(".step_*.part"):
            shutil.rmtree(stale)
        final = self.root / f"step_{step:08d}"
        partial = self.root / f".{final.name}.{os.getpid()}.part"
        partial.mkdir()
        write(partial)
        _seal(partial)
        replace_folder(partial, final)
        self._link("last", final)
        if best:
            self._link("best", final)
            (self.root / "best.txt").write_text(final.name, "utf-8")  # where links get lost
        self._prune()
        return final

    def last(self) -> Path | None:
        """The newest checkpoint, sound or not, or None."""
        found = self.all()
        return found[-1] if found else None

    def last_good(self) -> tuple[Path | None, dict[Path, str]]:
        """The newest checkpoint that is whole, and what is wrong with each newer one.

        Raises:
            SecoustiError: there are checkpoints, but none is whole.
        """
        damaged: dict[Path, str] = {}
        for path in reversed(self.all()):
            fault = find_fault(path)
            if fault is None:
                return path, damaged
            damaged[path] = fault
        if damaged:
            faults = "; ".join(f"{path.name}: {fault}" for path, fault in damaged.items())
            raise SecoustiError(
                f"no checkpoint in {self.root} is whole ({faults}); restore one from a copy, or "
                "choose another output to start anew"
            )
        return None, damaged

    def best(self) -> Path | None:
        """The best checkpoint, or None where none was validated."""
        note = self.root / "best.txt"
        path = self.root / (note.read_text("utf-8").strip() if note.is_file() else "best")
        return path.resolve() if path.is_dir() else None

    def all(self) -> list[Path]:
        """Checkpoints, oldest first."""
        if not self.root.is_dir():
            return []
        found = [p for p in self.root.iterdir() if _NAME.fullmatch(p.name) and p.is_dir()]
        return sorted(found, key=lambda path: int(path.name[5:]))

    def set_aside(self, path: Path) -> None:
        """Keep a damaged checkpoint under another name: it must not push out whole ones."""
        replace_folder(path, path.with_name(f"{path.name}.damaged"))
        last = self.last()
        if last is not None:
            self._link("last", last)

    def _link(self, name: str, target: Path) -> None:
        """A link for people; a copy of it, or a file system without links, does no harm."""
        link, temporary = self.root / name, self.root / f".{name}.link"
        temporary.unlink(missing_ok=True)
        try:
            if link.is_dir() and not link.is_symlink():
                shutil.rmtree(link)
            temporary.symlink_to(target.name)
            temporary.replace(link)
        except OSError:
            return

    def _prune(self) -> None:
        best = self.best()
        for old in self.all()[: -self.keep_last]:
            if old.resolve() != best:
                shutil.rmtree(old)


def find_fault(path: Path) -> str | None:
    """What is wrong with a checkpoint, in words; None when every file is as it was written."""
    try:
        files: dict[str, dict[str, Any]] = json.loads((path / _FILES).read_text("utf-8"))
    except (OSError, ValueError):
        return (
            f"{_FILES} is missing or damaged; where an earlier version wrote it, start anew from "
            "its model (training.warm_start)"
        )
    for name, wanted in files.items():
        file = path / name
        if not file.is_file():
            return f"{name} is missing"
        size = file.stat().st_size
        if size != wanted["bytes"]:
            return f"{name} has {size} of {wanted['bytes']} bytes"
        if _sha256(file) != wanted["sha256"]:
            return f"{name} is not as it was written"
    return None


def read_state(path: Path) -> dict[str, Any]:
    """``state.json`` of a checkpoint."""
    return dict(json.loads((path / STATE).read_text("utf-8")))


def replace_folder(new: Path, final: Path) -> None:
    """Give ``new`` the name ``final``; at every moment one of the two is whole."""
    old = final.with_name(f".{final.name}.{os.getpid()}.old")
    if final.exists():
        final.rename(old)
    new.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def _seal(folder: Path) -> None:
    """Write the checksums, and have everything on the disk before the folder gets its name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in paths
    }
    (folder / _FILES).write_text(json.dumps(files, indent=1), "utf-8")
    for path in (*paths, folder / _FILES):
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
