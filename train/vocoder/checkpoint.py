"""Whole checkpoints without pickles: weights, discriminators, both optimizers, averages.

A checkpoint is a folder ``step-00001000``; it is written under a temporary name and renamed, so
that a killed run leaves only whole ones.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from secousti.errors import SecoustiError

_PREFIX = "step-"


def save_checkpoint(
    folder: Path,
    step: int,
    modules: dict[str, nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
    extra: dict[str, Any],
    keep_last: int,
) -> Path:
    """Write ``folder/step-<step>`` and delete all but the last ``keep_last`` checkpoints."""
    final = folder / f"{_PREFIX}{step:08d}"
    temporary = folder / f".{final.name}.{os.getpid()}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name, module in modules.items():
        save_file(_plain(module.state_dict()), temporary / f"{name}.safetensors")
    groups = {}
    for name, optimizer in optimizers.items():
        tensors, groups[name] = _flatten(optimizer.state_dict())
        save_file(_plain(tensors), temporary / f"{name}.safetensors")
    meta = {"step": step, "param_groups": groups, **extra}
    (temporary / "meta.json").write_text(json.dumps(meta, indent=2), "utf-8")
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    for old in checkpoints(folder)[:-keep_last]:
        shutil.rmtree(old)
    return final


def load_checkpoint(
    path: Path, modules: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer]
) -> dict[str, Any]:
    """Fill modules and optimizers from a checkpoint; returns its ``meta.json``.

    Raises:
        SecoustiError: the checkpoint belongs to another model.
    """
    meta = dict(json.loads((path / "meta.json").read_text("utf-8")))
    for name, module in modules.items():
        try:
            module.load_state_dict(load_file(path / f"{name}.safetensors"))
        except RuntimeError as error:
            raise SecoustiError(f"{path} does not fit this configuration: {error}") from None
    for name, optimizer in optimizers.items():
        state = _unflatten(load_file(path / f"{name}.safetensors"))
        groups = meta["param_groups"][name]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    return meta


def checkpoints(folder: Path) -> list[Path]:
    """Whole checkpoints of a run, oldest first."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if path.is_dir())


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _flatten(state: dict[str, Any]) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    tensors = {
        f"{index}.{name}": value
        for index, entry in state["state"].items()
        for name, value in entry.items()
    }
    return tensors, state["param_groups"]


def _unflatten(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    return state
