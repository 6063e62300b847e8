"""Checkpoints without pickles: written whole or not at all, the last few and the best kept.

A checkpoint is a folder ``step_00001000``:
``objective.safetensors`` (weights), ``average.safetensors`` (their average, if any),
``optimizer.safetensors`` and ``state.json`` (everything else, as text), and ``codec/``, the
averaged model as ``SecoustiCodec.from_pretrained`` reads it. ``last`` and ``best`` are links.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from secousti.errors import SecoustiError

Tree = dict[str, Any]


class CheckpointFolder:
    """The checkpoints of one run.

    Arguments:
        root: ``OUTPUT/checkpoints``. keep_last: how many stay, besides the best.
    """

    def __init__(self, root: str | Path, keep_last: int) -> None:
        self.root = Path(root)
        self.keep_last = keep_last

    def save(self, step: int, write: Callable[[Path], None], best: bool) -> Path:
        """Let ``write`` fill a folder, then give it its name, update links, remove old ones."""
        self.root.mkdir(parents=True, exist_ok=True)
        final = self.root / f"step_{step:08d}"
        partial = self.root / f".{final.name}.{os.getpid()}.part"
        for stale in self.root.glob(".step_*.part"):
            shutil.rmtree(stale)
        partial.mkdir()
        write(partial)
        _sync(partial)
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)
        self._link("last", final)
        if best:
            self._link("best", final)
        self._prune()
        return final

    def last(self) -> Path | None:
        """The newest whole checkpoint, or None."""
        found = self.all()
        return found[-1] if found else None

    def all(self) -> list[Path]:
        """Whole checkpoints, oldest first."""
        return sorted(self.root.glob("step_*"))

    def _link(self, name: str, target: Path) -> None:
        temporary = self.root / f".{name}.link"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target.name)
        temporary.replace(self.root / name)

    def _prune(self) -> None:
        best = (self.root / "best").resolve()
        for old in self.all()[: -self.keep_last]:
            if old.resolve() != best:
                shutil.rmtree(old)


def write_tree(path: Path, tree: Tree) -> None:
    """Nested dicts and lists of tensors and plain values as ``path`` (safetensors) + JSON."""
    tensors: dict[str, Tensor] = {}
    plain = _split(tree, "", tensors)
    save_file(tensors, path)
    path.with_suffix(".json").write_text(json.dumps(plain), "utf-8")


def read_tree(path: Path) -> Tree:
    """What ``write_tree`` wrote.

    Raises:
        SecoustiError: a file is missing.
    """
    if not path.is_file():
        raise SecoustiError(f"the checkpoint lacks {path}")
    tree: Tree = _join(json.loads(path.with_suffix(".json").read_text("utf-8")), load_file(path))
    return tree


def _split(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"__tensor__": name}
    if isinstance(value, dict):
        return {str(k): _split(v, f"{name}/{k}", tensors) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_split(v, f"{name}/{i}", tensors) for i, v in enumerate(value)]
    return value


def _join(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"__tensor__"}:
            return tensors[value["__tensor__"]]
        return {k: _join(v, tensors) for k, v in value.items()}
    if isinstance(value, list):
        return [_join(v, tensors) for v in value]
    return value


def _sync(folder: Path) -> None:
    """Have the files on the disk before the folder gets its name."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def random_seed(seed: int, step: int, rank: int) -> int:
    """A seed of its own for every step and process, so that no generator state is stored."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    return int(torch.randint(2**62, (rank + 1,), generator=generator)[rank])
