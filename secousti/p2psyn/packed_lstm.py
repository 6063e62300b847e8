"""LSTM layers in one direction, one step at a time, with packed weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from secousti.onecore.linear import Precision, pack
from secousti.p2psyn.pseudo_vq import PaddedLSTM
from secousti.streaming.state import State, StreamingModule, tensor


class StepLSTM(StreamingModule):
    """What a causal ``PaddedLSTM`` computes, for one stream: [1, T, C] -> [1, T, hidden]."""

    def __init__(self, lstm: PaddedLSTM, precision: Precision) -> None:
        super().__init__()
        self.init = lstm.init_state
        weights = lstm.lstm.all_weights
        self.layers = nn.ModuleList(_Cell(weights[i], precision) for i in range(len(weights)))

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.init(batch_size, device, dtype)

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        assert state is not None
        steps, ends = list(x[0].split(1)), []
        for layer, h, c in zip(
            self.layers, tensor(state, "h").unbind(1), tensor(state, "c").unbind(1), strict=True
        ):
            for i, step in enumerate(steps):
                h, c = layer(step, h, c)
                steps[i] = h
            ends.append((h, c))
        hs, cs = zip(*ends, strict=True)
        new: State = {"h": torch.stack(hs, dim=1), "c": torch.stack(cs, dim=1)}
        return torch.cat(steps)[None], new


class _Cell(nn.Module):
    """x [1, C], h and c [1, hidden] -> h and c of the next step (Hochreiter and Schmidhuber)."""

    def __init__(self, weights: list[nn.Parameter], precision: Precision) -> None:
        super().__init__()
        inputs, hidden, bias, more = (weight.detach() for weight in weights)
        self.gates = pack(torch.cat([inputs, hidden], dim=1), bias + more, precision)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, g, o = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
