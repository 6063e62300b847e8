"""Nested states (optimizers', averages') as safetensors and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from secousti.errors import SecoustiError

Tree = dict[str, Any]


def plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies in main memory that share nothing, as safetensors wants them."""
    return {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}


def write_tree(path: Path, tree: Tree) -> None:
    """Nested dicts and lists of tensors and plain values as ``path`` (safetensors) + JSON."""
    tensors: dict[str, Tensor] = {}
    values = _split(tree, "", tensors)
    save_file(plain(tensors), path)
    path.with_suffix(".json").write_text(json.dumps(values), "utf-8")


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
        tensors[name] = value
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
