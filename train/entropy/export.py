"""A trained network as the integers of :mod:`secousti.entropy`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from secousti.entropy.fixed import EXP, FINE, GATE, TABLE, WEIGHT
from train.entropy.network import Network


def tensors(network: Network) -> dict[str, NDArray]:
    """Every tensor of :class:`secousti.entropy.network.Network`."""
    found: dict[str, NDArray] = {
        "embed": _table(network.embed),
        "bias": _table(network.bias),
        "candidate": _table(network.candidate),
        "recurrent": _weights(network.recurrent),
        **tables(),
    }
    for i in range(len(network.groups)):
        found[f"head.{i}"] = _weights(network.heads[i])
        found[f"head_bias.{i}"] = _table(network.head_bias[i])
        found[f"out.{i}"] = _weights(network.out[i])
        found[f"out_bias.{i}"] = _table(network.out_bias[i])
        if i:
            found[f"given.{i}"] = _table(network.given[i - 1])
    return found


def tables() -> dict[str, NDArray]:
    """Functions of one variable, each entry for the middle of its interval."""
    half = 8 << GATE
    x = (np.arange(-half, half) + 0.5) / (1 << GATE)
    falling = (np.arange(1025) + 0.5) / (1 << EXP)
    most = (1 << FINE) - 1
    return {
        "sigmoid": np.round(most / (1 + np.exp(-x))).astype(np.int16),
        "tanh": np.round(most * np.tanh(x)).astype(np.int16),
        "exp": np.round((1 << 16) * np.exp(-falling) / math.exp(-falling[0])).astype(np.int32),
    }


def _weights(parameter: Tensor) -> NDArray[np.int8]:
    steps = (parameter.detach() * (1 << WEIGHT)).round().clamp(-127, 127)
    return steps.numpy().astype(np.int8)


def _table(parameter: Tensor) -> NDArray[np.int16]:
    steps = (parameter.detach() * (1 << TABLE)).round().clamp(-(1 << 15) + 1, (1 << 15) - 1)
    return steps.numpy().astype(np.int16)
