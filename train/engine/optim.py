"""Optimizers, and the one learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from train.engine.muon import Muon
from train.engine.settings import BaseOptimConfig


def build_optimizer(
    parameters: Iterable[nn.Parameter], config: BaseOptimConfig, lr: float | None = None
) -> torch.optim.Optimizer:
    """Adam, AdamW or Muon; vectors (biases, norms, layer scales) are not decayed.

    Args:
        lr: instead of ``config.lr``.
    """
    parameters = list(parameters)
    betas, lr = (config.betas[0], config.betas[1]), config.lr if lr is None else lr
    if config.name == "muon":
        return Muon(parameters, lr, betas, config.weight_decay)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return kind([group for group in groups if group["params"]], lr=lr, betas=betas, fused=True)


def rate(config: BaseOptimConfig, done: float, steps: float) -> float:
    """The learning rate after ``done`` of ``steps`` steps of a stage.

    A linear warm-up, then constant, half a cosine to ``final_lr`` x ``lr``, or exponential.
    """
    warm = min((done + 1) / config.warmup_steps, 1.0) if config.warmup_steps else 1.0
    if config.schedule == "constant":
        return config.lr * warm
    if config.schedule == "exponential":
        return config.lr * warm * config.decay ** (done // config.epoch_steps)
    after = max(done - config.warmup_steps, 0) / max(steps - config.warmup_steps, 1)
    cosine = 0.5 * (1 + math.cos(math.pi * min(after, 1.0)))
    return config.lr * warm * (config.final_lr + (1 - config.final_lr) * cosine)


def set_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Give every parameter group the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = value


def refuse_if(optimizer: torch.optim.Optimizer, bad: Tensor | None) -> None:
    """Let the next step change nothing if ``bad``, a bool on the device, is True.

    The fused kernels ask the device themselves, as they do where gradients are scaled; Muon takes
    the gradients for zeros. Without ``bad`` a step is a step.
    """
    optimizer.grad_scale = None  # type: ignore[attr-defined]
    optimizer.found_inf = None if bad is None else bad.float()  # type: ignore[attr-defined]
