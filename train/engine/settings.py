"""What all training files share: how they are read, and common fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from secousti.config import few, from_dict, merge, read_yaml, within
from secousti.errors import SecoustiError

T = TypeVar("T")
MOST = 1e9  # of whatever is counted


@dataclass(frozen=True)
class BaseRunConfig:
    """Where results go and how often; steps throughout.

    Args:
        keep_last: checkpoints that stay, besides the best.
        best: the validation metric that decides which checkpoint is the best.
        trackers: ``tensorboard``, ``wandb``; ``metrics.csv`` is always written.
        samples: validation utterances that are logged as sound and picture.
        patience: bad steps in a row that are skipped before the run goes back to its last
            checkpoint; after three returns it stops.
        look_every: steps between two looks at the losses, before each of which a GPU must end all
            its work; by default 1 on a CPU and ``log_every`` elsewhere. A step that is not finite
            changes no weights in either case (Muon's momentum and decay go on); seen late, it is
            not made up for. A P2PSyn teacher, whose update counts the codes of its step, is
            always looked at.
        timeout_minutes: how long processes wait for one another (a node that packs audio lets
            the others wait) before the run counts as broken.
    """

    output: str
    seed: int = 0
    log_every: int = 50
    validate_every: int = 2000
    save_every: int = 2000
    keep_last: int = 2
    best: str = ""
    trackers: tuple[str, ...] = ()
    samples: int = 4
    patience: int = 3
    look_every: int | None = None
    timeout_minutes: int = 120
    mixed_precision: Literal["no", "bf16"] = "no"
    device: Literal["auto", "cpu"] = "auto"

    def __post_init__(self) -> None:
        some = (1, MOST)
        within("run", self, log_every=some, validate_every=some, save_every=some, look_every=some)
        within("run", self, keep_last=some, patience=some, timeout_minutes=some)
        within("run", self, samples=(0, MOST))


@dataclass(frozen=True)
class BaseOptimConfig:
    """An optimizer and its learning rate (``rate``).

    Args:
        name: ``muon`` (``train/engine/muon.py``) needs fewer steps than Adam here.
        final_lr: where a cosine ends, as a share of ``lr``.
        decay, epoch_steps: ``exponential`` multiplies the rate by the one every so many steps.
        clip: limit of the gradient norm (0: none).
        ema: decay of the averaged weights that are validated and saved (0: the weights as they
            are).
    """

    name: Literal["adam", "adamw", "muon"] = "adamw"
    lr: float = 2e-4
    betas: tuple[float, ...] = (0.8, 0.99)
    weight_decay: float = 0.01
    schedule: Literal["constant", "cosine", "exponential"] = "cosine"
    warmup_steps: int = 0
    final_lr: float = 0.0
    decay: float = 0.999
    epoch_steps: int = 1000
    clip: float = 0.0
    ema: float = 0.0

    def __post_init__(self) -> None:
        share, any_number = (0, 1), (0, MOST)
        few("optim", self, betas=(2, 2))
        within("optim", self, betas=share, decay=share, ema=share, epoch_steps=(1, MOST))
        within("optim", self, lr=any_number, weight_decay=any_number, clip=any_number)
        within("optim", self, warmup_steps=any_number, final_lr=any_number)


def read_document(path: str | Path, overrides: tuple[str, ...] = ()) -> dict[str, Any]:
    """A file and its bases, with ``dotted.key=value`` overrides written over them.

    Raises:
        SecoustiError: a missing file, invalid YAML, or an override without ``=``.
    """
    data = read_yaml(path)
    for override in overrides:
        data = merge(data, parse_override(override))
    document: dict[str, Any] = _words(data)
    return document


def read_config(kind: type[T], path: str | Path, overrides: tuple[str, ...] = ()) -> T:
    """A file and its bases as ``kind``, after ``dotted.key=value`` overrides.

    Raises:
        SecoustiError: a missing file, an unknown key or a value of the wrong type.
    """
    return from_dict(kind, read_document(path, overrides), where=str(path))


class _Plain(yaml.SafeLoader):
    """YAML 1.2's booleans: ``no`` and ``off`` are words."""


_Plain.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:bool"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Plain.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def parse_override(text: str) -> dict[str, Any]:
    """``dotted.key=value`` as nested mappings.

    Raises:
        SecoustiError: it is not of that form.
    """
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise SecoustiError(f"{text!r} is not of the form optim.lr=1e-4: a dotted key, =, a value")
    try:
        out = yaml.load(value, _Plain)
    except yaml.YAMLError as error:
        raise SecoustiError(f"the value of {text!r} is no YAML: {error}") from None
    for name in reversed(key.split(".")):
        out = {name: out}
    merged: dict[str, Any] = out
    return merged


def _words(value: Any, key: str = "") -> Any:
    """A file's ``mixed_precision: no`` as the word it is (YAML 1.1 reads a False)."""
    if isinstance(value, dict):
        return {name: _words(own, name) for name, own in value.items()}
    return "no" if key == "mixed_precision" and value is False else value
