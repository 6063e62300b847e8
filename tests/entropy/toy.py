"""Small coders with random numbers in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from secousti.entropy import LearnedCoder, save_coder
from train.entropy.export import tensors
from train.entropy.network import Network
from train.entropy.voice import voice_code


def toy_network(groups: tuple[int, ...] = (81, 81), seed: int = 0) -> Network:
    torch.manual_seed(seed)
    network = Network(groups, hidden=24, mix=16, lags=2)
    with torch.no_grad():
        for parameter in [*network.heads, *network.out]:
            parameter.mul_(20)  # far from uniform
    return network


def toy_coder(
    path: Path, groups: tuple[int, ...] = (81, 81), seed: int = 0, voice: int = 64
) -> LearnedCoder:
    """A coder in the file ``path``."""
    generator = np.random.default_rng(seed)
    voices = np.tanh(generator.normal(size=(400, 12)) @ generator.normal(size=(12, voice)) / 4)
    code = voice_code(voices, generator.normal(size=(32, voice))) if voice else None
    return save_coder(path, groups, tensors(toy_network(groups, seed)), code)


def likely_tokens(coder: LearnedCoder, count: int, seed: int = 0) -> np.ndarray:
    """Tokens int64 [count] drawn from the coder's own model: any bytes are the code of some."""
    data = np.random.default_rng(seed).bytes(2 * count)
    return coder.start().decompress(data, count)
