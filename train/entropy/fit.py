"""Fitting a network to tokens: truncated backpropagation through time, AdamW, a cosine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from train.entropy.network import Network
from train.entropy.rows import rows

Recordings = Sequence[NDArray[np.int64]]


@dataclass(frozen=True)
class Settings:
    """Of a run: ``rate`` falls along a cosine over ``epochs``."""

    epochs: int = 8
    batch: int = 64
    frames: int = 64
    rate: float = 3e-3
    decay: float = 0.02
    seed: int = 0


def fit(
    network: Network,
    recordings: Recordings,
    settings: Settings,
    save: Callable[[int, float], None],
) -> None:
    """Train in place; ``save(epoch, bits a token of this epoch)`` after each."""
    torch.manual_seed(settings.seed)
    network.train()
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.rate, betas=(0.9, 0.98), weight_decay=settings.decay
    )
    per_epoch = sum(map(len, recordings)) // settings.batch // settings.frames
    for epoch in range(settings.epochs):
        total = 0.0
        state = torch.zeros(settings.batch, network.hidden)
        batches = rows(
            recordings, settings.batch, settings.frames, network.lags, settings.seed + epoch
        )
        for step, (tokens, place) in enumerate(batches):
            done = (epoch * per_epoch + step) / (settings.epochs * per_epoch)
            warm = min(1.0, (epoch * per_epoch + step + 1) / 100)
            for group in optimizer.param_groups:
                group["lr"] = (
                    settings.rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
                )
            nats, state = network(network.symbols(tokens), place, state.detach())
            loss = nats.mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            total += float(loss.detach())
        save(epoch, total / max(per_epoch, 1) / math.log(2))


@torch.no_grad()
def bits(network: Network, recordings: Recordings) -> float:
    """Bits a token of recordings, each from its beginning."""
    was_training = network.training
    network.eval()
    longest = max(map(len, recordings))
    tokens = np.zeros((len(recordings), network.lags + longest), np.int64)
    for row, recording in zip(tokens, recordings, strict=True):
        row[network.lags : network.lags + len(recording)] = recording
    place = torch.arange(longest).expand(len(recordings), -1)
    lengths = torch.tensor([len(recording) for recording in recordings])
    symbols = network.symbols(torch.from_numpy(tokens))
    nats, _ = network(symbols, place, torch.zeros(len(recordings), network.hidden))
    network.train(was_training)
    inside = place < lengths[:, None]
    return float(nats[inside].mean()) / math.log(2)
