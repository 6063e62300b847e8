"""Optimizer and learning rate, a stage at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from train.config import OptimConfig
from train.muon import Muon
from train.schedule import Stage


def build_optimizer(
    named: Iterable[tuple[str, nn.Parameter]], config: OptimConfig
) -> torch.optim.Optimizer:
    """Adam, AdamW or Muon; vectors (biases, norms, layer scales) are not decayed."""
    parameters = [p for _, p in named]
    betas = (config.betas[0], config.betas[1])
    if config.name == "muon":
        return Muon(parameters, config.lr, betas, config.weight_decay)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return kind([group for group in groups if group["params"]], lr=config.lr, betas=betas)


def learning_rate(config: OptimConfig, stage: Stage, step: int) -> float:
    """Of ``step``: a linear warm-up at the stage's start, then constant or half a cosine."""
    done = step - stage.first_step  # steps of this stage before this one
    warm = min((done + 1) / config.warmup_steps, 1.0) if config.warmup_steps else 1.0
    if config.schedule == "constant":
        return config.lr * warm
    after = max(done - config.warmup_steps, 0) / max(stage.steps - config.warmup_steps, 1)
    cosine = 0.5 * (1 + math.cos(math.pi * min(after, 1.0)))
    return config.lr * warm * (config.final_lr + (1 - config.final_lr) * cosine)


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = value
