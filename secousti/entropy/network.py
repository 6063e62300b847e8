"""A GRU over tokens in integers: what comes next, as probabilities out of 2**20.

A token is a few symbols: the digits of its number to the bases ``groups``, lowest first. Each
symbol has a softmax over the state and the symbols of the same token before it. See
:mod:`secousti.entropy.fixed` for the places of all integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from secousti.container.entropy import PRECISION
from secousti.entropy.fixed import EXACT, FINE, GATE, LOGIT, MIX, STATE, TABLE, WEIGHT

Ints: TypeAlias = NDArray[np.int64]
_SUM = WEIGHT + STATE  # places of a sum of products with the state


class Network:
    """Weights of a model of tokens; no state.

    Args:
        groups: alphabets of a token's symbols.
        tensors: ``embed`` int16 [lags, sum(groups), 3H], ``bias`` int16 [3H], ``candidate`` int16
            [H], ``recurrent`` int8 [3H, H]; for every symbol i ``head.i`` int8 [M, H],
            ``head_bias.i`` int16 [M], ``given.i`` int16 [sum(groups[:i]), M] for i > 0, ``out.i``
            int8 [groups[i], M], ``out_bias.i`` int16; ``sigmoid``, ``tanh`` int16 [2**12] and
            ``exp`` int32 [2**10 + 1].

    Raises:
        ValueError: tensors of other shapes or types.
    """

    def __init__(self, groups: Sequence[int], tensors: Mapping[str, NDArray]) -> None:
        self.groups = tuple(groups)
        check_shapes(self.groups, tensors)
        self.lags, _, width = tensors["embed"].shape
        self.hidden = width // 3
        self.offsets = np.array([sum(self.groups[:i]) for i in range(len(self.groups))])
        places = np.array([np.prod(self.groups[:i], dtype=np.int64) for i in range(len(groups))])
        self._places = places
        self._embed = tensors["embed"].astype(np.int32) << (_SUM - TABLE)
        self._bias = _scaled(tensors["bias"], _SUM - TABLE)
        self._candidate = _scaled(tensors["candidate"], _SUM - TABLE)
        self._recurrent = _exact(tensors["recurrent"])
        self._sigmoid = tensors["sigmoid"].astype(np.int64)
        self._tanh = tensors["tanh"].astype(np.int64)
        self._exp = tensors["exp"].astype(np.int64)
        indices = range(len(self.groups))
        self._heads = [_exact(tensors[f"head.{i}"]) for i in indices]
        self._head_bias = [_scaled(tensors[f"head_bias.{i}"], _SUM - TABLE) for i in indices]
        self._given = [_scaled(tensors[f"given.{i}"], _SUM - TABLE) for i in indices if i]
        self._out = [_exact(tensors[f"out.{i}"]) for i in indices]
        self._out_bias = [_scaled(tensors[f"out_bias.{i}"], LOGIT - TABLE) for i in indices]

    def symbols(self, tokens: Ints) -> Ints:
        """[N] -> [N, G]."""
        return tokens[:, None] // self._places % np.array(self.groups)

    def tokens(self, symbols: Ints) -> Ints:
        """[N, G] -> [N]."""
        return symbols @ self._places

    def step(self, state: Ints, past: Sequence[Ints]) -> Ints:
        """The state [H] after the token whose symbols are ``past[0]``, those before it behind."""
        x = self._bias.copy()
        for lag, symbols in enumerate(past):
            for row in symbols + self.offsets:
                x += self._embed[lag, row]
        hidden = self.hidden
        gates = self._times(self._recurrent, view(state))
        ratio = self._gate(self._sigmoid, x[: 2 * hidden] + gates[: 2 * hidden])
        reset, update = ratio[:hidden], ratio[hidden:]
        inner = gates[2 * hidden :] + self._candidate
        new = self._gate(self._tanh, x[2 * hidden :] + (reset * inner >> FINE))
        return new + (update * (state - new) >> FINE)

    def probabilities(self, state: Ints, index: int, before: Ints) -> NDArray[np.float64]:
        """Of symbol ``index``, given the symbols of its token ``before`` it: float64 that are
        multiples of 2**-20 above 0 and sum to 1. ``state`` [H] or [N, H], ``before`` [G] or [N, G].
        """
        u = self._times(self._heads[index], view(state)) + self._head_bias[index]
        for place in range(index):
            u = u + self._given[index - 1][before[..., place] + self.offsets[place]]
        u = np.clip(u + (1 << (_SUM - MIX - 1)) >> (_SUM - MIX), 0, 127)
        return self._softmax(self._times(self._out[index], u) + self._out_bias[index])

    def _gate(self, table: Ints, x: Ints) -> Ints:
        half = len(table) // 2
        return table[np.clip(x >> (_SUM - GATE), -half, half - 1) + half]

    def _softmax(self, logits: Ints) -> NDArray[np.float64]:
        below = logits.max(-1, keepdims=True) - logits
        weights = self._exp[np.minimum(below >> (LOGIT - 6), len(self._exp) - 1)]
        room = (1 << PRECISION) - logits.shape[-1]
        shares = weights * room // weights.sum(-1, keepdims=True) + 1
        shares[..., 0] += (1 << PRECISION) - shares.sum(-1)
        return shares / float(1 << PRECISION)

    @staticmethod
    def _times(matrix: NDArray[np.float32], x: Ints) -> Ints:
        """``x`` [..., in] through a matrix [out, in], exact in float32."""
        return (x.astype(np.float32) @ matrix.T).astype(np.int64)


def view(state: Ints) -> Ints:
    """The state in 8 bits, as matrices see it."""
    return np.clip(state + (1 << (FINE - STATE - 1)) >> (FINE - STATE), -127, 127)


def check_shapes(groups: Sequence[int], tensors: Mapping[str, NDArray]) -> None:
    """Raise a ``ValueError`` unless ``tensors`` are those of a network."""
    if not groups or min(groups) < 2 or max(groups) > 4096 or len(groups) > 16:
        raise ValueError(f"symbols of {tuple(groups)} values")
    embed, mix = tensors["embed"], tensors["head.0"].shape[0]
    if embed.ndim != 3 or embed.shape[2] % 3 or not 0 < embed.shape[2] <= 3072 or mix > 1024:
        raise ValueError(f"embeddings of shape {embed.shape}")
    lags, _, width = embed.shape
    hidden = width // 3
    expected: dict[str, tuple[tuple[int, ...], str]] = {
        "embed": ((lags, sum(groups), width), "int16"),
        "bias": ((width,), "int16"),
        "candidate": ((hidden,), "int16"),
        "recurrent": ((width, hidden), "int8"),
        "sigmoid": ((16 << GATE,), "int16"),
        "tanh": ((16 << GATE,), "int16"),
        "exp": ((1025,), "int32"),
    }
    for i, size in enumerate(groups):
        expected[f"head.{i}"] = ((mix, hidden), "int8")
        expected[f"head_bias.{i}"] = ((mix,), "int16")
        expected[f"out.{i}"] = ((size, mix), "int8")
        expected[f"out_bias.{i}"] = ((size,), "int16")
        if i:
            expected[f"given.{i}"] = ((sum(groups[:i]), mix), "int16")
    for name, wanted in expected.items():
        if name not in tensors or (tensors[name].shape, str(tensors[name].dtype)) != wanted:
            raise ValueError(f"{name} must be {wanted[1]} {list(wanted[0])}")
    if tensors["exp"].min() < 0 or not 0 < tensors["exp"][0] <= 1 << 16:
        raise ValueError("exp must be from 0 to 65536, and begin above 0")


def _scaled(values: NDArray, places: int) -> Ints:
    return values.astype(np.int64) << places


def _exact(weights: NDArray) -> NDArray[np.float32]:
    """Integer weights as float32 whose sums of products with 8-bit numbers are exact."""
    if int(np.abs(weights.astype(np.int64)).sum(1).max()) * 127 >= EXACT:
        raise ValueError("a row of weights is too long for exact sums")
    return np.ascontiguousarray(weights, np.float32)
