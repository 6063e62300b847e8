"""What the three kinds of training file share: how they are read, and common fields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from secousti.config import merge, read_yaml
from secousti.errors import SecoustiError


@dataclass(frozen=True)
class BaseRunConfig:
    """Where results go and how often; steps throughout. ``keep_last``: checkpoints that stay."""

    output: str
    seed: int = 0
    log_every: int = 50
    validate_every: int = 2000
    save_every: int = 2000
    keep_last: int = 2
    mixed_precision: Literal["no", "bf16"] = "no"
    device: Literal["auto", "cpu"] = "auto"


@dataclass(frozen=True)
class BaseOptimConfig:
    """``final_lr``: where a cosine ends, as a share of ``lr``."""

    lr: float = 2e-4
    betas: tuple[float, ...] = (0.8, 0.99)
    weight_decay: float = 0.01
    warmup_steps: int = 0
    final_lr: float = 0.0


def read_document(path: str | Path, overrides: tuple[str, ...] = ()) -> dict[str, Any]:
    """A file and its bases, with ``dotted.key=value`` overrides written over them.

    Raises:
        SecoustiError: a missing file, invalid YAML, or an override without ``=``.
    """
    data = read_yaml(path)
    for override in overrides:
        data = merge(data, _parse_override(override))
    return data


def _parse_override(text: str) -> dict[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise SecoustiError(f"{text!r} is not of the form optim.lr=1e-4: a dotted key, =, a value")
    out = yaml.safe_load(value)
    for name in reversed(key.split(".")):
        out = {name: out}
    merged: dict[str, Any] = out
    return merged
