"""The network of :mod:`secousti.entropy` in floating point, rounded as the integers will be.

Every weight and every activation that is multiplied is rounded on the way forward and passed
straight through on the way back, so that what is exported behaves as what was trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from secousti.entropy.fixed import MIX, STATE, TABLE, WEIGHT


def rounded(x: Tensor, bits: int, most: int) -> Tensor:
    """``x`` in steps of 2**-bits within -most..most steps; the gradient of the identity."""
    steps = (x * (1 << bits)).round().clamp(-most, most)
    return x + (steps / (1 << bits) - x).detach()


class Network(nn.Module):
    """A GRU over tokens; a token is symbols of the alphabets ``groups``, the first one first.

    Args:
        hidden: width of the state. mix: width of the layer before each softmax.
        lags: tokens that the input holds. dropout: of inputs and of what heads see, in training.
    """

    def __init__(
        self, groups: Sequence[int], hidden: int, mix: int, lags: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.groups, self.hidden, self.mix, self.lags = tuple(groups), hidden, mix, lags
        total = sum(groups)
        self.embed = nn.Parameter(torch.randn(lags, total, 3 * hidden) * 0.1)
        self.bias = nn.Parameter(torch.zeros(3 * hidden))
        self.candidate = nn.Parameter(torch.zeros(hidden))
        self.recurrent = nn.Parameter(torch.randn(3 * hidden, hidden) / math.sqrt(hidden))
        self.heads = nn.ParameterList(
            torch.randn(mix, hidden) / math.sqrt(hidden) for _ in self.groups
        )
        self.head_bias = nn.ParameterList(torch.zeros(mix) for _ in self.groups)
        self.given = nn.ParameterList(
            torch.randn(sum(self.groups[:i]), mix) * 0.1 for i in range(1, len(self.groups))
        )
        self.out = nn.ParameterList(torch.randn(g, mix) * 0.05 for g in self.groups)
        self.out_bias = nn.ParameterList(torch.zeros(g) for g in self.groups)
        offsets = [sum(self.groups[:i]) for i in range(len(self.groups))]
        self.register_buffer("offsets", torch.tensor(offsets))
        self.offsets: Tensor

    def symbols(self, tokens: Tensor) -> Tensor:
        """int64 [...] -> [..., G]."""
        parts = []
        for size in self.groups:
            parts.append(tokens % size)
            tokens = tokens // size
        return torch.stack(parts, -1)

    def forward(self, symbols: Tensor, place: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Nats of every token [B, T], and the state after them.

        Args:
            symbols: int64 [B, lags + T, G]; the first ``lags`` are the past.
            place: int64 [B, T], which token of its recording each is.
            state: float32 [B, H].
        """
        inputs = self._inputs(symbols, place)
        weight = rounded(self.recurrent, WEIGHT, 127).T.contiguous()
        candidate = rounded(self.candidate, TABLE, 1 << 15)
        fresh = (place != 0).float()
        states = []
        for t in range(place.shape[1]):
            state = state * fresh[:, t, None]
            seen = rounded(state, STATE, 127)
            states.append(seen)
            gates = seen @ weight
            reset, update, new = gates.chunk(3, 1)
            x_reset, x_update, x_new = inputs[t].chunk(3, 1)
            new = torch.tanh(x_new + torch.sigmoid(x_reset + reset) * (new + candidate))
            state = new + torch.sigmoid(x_update + update) * (state - new)
            # The state before a token predicts it; its own token comes in with the next step.
        return self._nats(torch.stack(states, 1), symbols[:, self.lags :]), state

    def _inputs(self, symbols: Tensor, place: Tensor) -> Tensor:
        """[T, B, 3H]: rows of the token itself and those before it; nothing before the first."""
        table = rounded(self.embed, TABLE, 1 << 15)
        total = rounded(self.bias, TABLE, 1 << 15).expand(*place.shape, -1)
        frames = place.shape[1]
        for lag in range(self.lags):
            past = symbols[:, self.lags - lag : self.lags - lag + frames] + self.offsets
            there = (place >= lag).float()[..., None]
            total = total + nn.functional.embedding(past, table[lag]).sum(2) * there
        return self._dropped(total).transpose(0, 1)

    def _dropped(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, self.dropout, self.training)

    def _nats(self, seen: Tensor, symbols: Tensor) -> Tensor:
        seen, total = self._dropped(seen), torch.zeros(symbols.shape[:2])
        for i, head in enumerate(self.heads):
            u = seen @ rounded(head, WEIGHT, 127).T + rounded(self.head_bias[i], TABLE, 1 << 15)
            if i:
                before = symbols[..., :i] + self.offsets[:i]
                table = rounded(self.given[i - 1], TABLE, 1 << 15)
                u = u + nn.functional.embedding(before, table).sum(2)
            u = rounded(torch.relu(u), MIX, 127)
            logits = u @ rounded(self.out[i], WEIGHT, 127).T + self.out_bias[i]
            total = total + nn.functional.cross_entropy(
                logits.flatten(0, 1), symbols[..., i].flatten(), reduction="none"
            ).view_as(total)
        return total
