"""A listener's training file: keys ``mel`` (the codec's), ``listener`` and ``training``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from secousti.config import MelConfig
from train.codec.config import DataConfig
from train.engine.settings import BaseOptimConfig, BaseRunConfig, read_config
from train.voice.listener import ListenerConfig


@dataclass(frozen=True, kw_only=True)
class OptimConfig(BaseOptimConfig):
    """AdamW with warm-up and a cosine.

    Args:
        margin, scale: of the angular margin (ArcFace, Deng et al. 2019), radians and logits.
    """

    steps: int
    lr: float = 2e-3
    warmup_steps: int = 50
    clip: float = 5.0
    margin: float = 0.2
    scale: float = 30.0


@dataclass(frozen=True)
class RunConfig(BaseRunConfig):
    """Where results go and how often; steps throughout."""

    validate_every: int = 250
    save_every: int = 250
    best: str = "equal_error_rate"


@dataclass(frozen=True)
class TrainingConfig:
    """``data`` as a codec's; labels and windows are not used (a short window costs no time)."""

    data: DataConfig
    optim: OptimConfig
    run: RunConfig


@dataclass(frozen=True)
class Config:
    """A whole file."""

    training: TrainingConfig
    mel: MelConfig = field(default_factory=MelConfig)
    listener: ListenerConfig = field(default_factory=ListenerConfig)


def load(path: str | Path, overrides: tuple[str, ...] = ()) -> Config:
    """See ``read_config``."""
    return read_config(Config, path, overrides)
