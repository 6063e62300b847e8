"""One pseudo VQ: a network that predicts the next stage's tokens from the stages before (eq. 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from secousti.acoustic.conv import CausalConv1d
from secousti.acoustic.linear import Linear
from secousti.errors import SecoustiError
from secousti.p2psyn.config import PseudoConfig
from secousti.p2psyn.conformer import ConformerBlock
from secousti.streaming.state import State, StreamingModule, init_states, numbered, substate, tensor

_FEW_STEPS = 4  # up to so many steps, an LSTM's call costs more than its arithmetic


class PaddedLSTM(StreamingModule):
    """LSTM layers on [B, T, C]: both directions, each row from its own end, or one that streams."""

    def __init__(self, config: PseudoConfig) -> None:
        super().__init__()
        self.config = config
        hidden, layers = config.lstm_channels, config.lstm_layers
        self.lstm = nn.LSTM(
            config.channels,
            hidden,
            layers,
            batch_first=True,
            dropout=config.dropout if layers > 1 else 0.0,
            bidirectional=not config.causal,
        )
        self.out_channels = hidden if config.causal else 2 * hidden

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        if not self.config.causal:
            raise ValueError("a bidirectional LSTM cannot stream; use a causal configuration")
        shape = (batch_size, self.config.lstm_layers, self.config.lstm_channels)
        return {name: torch.zeros(shape, device=device, dtype=dtype) for name in ("h", "c")}

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        if state is not None:
            h, c = tensor(state, "h").transpose(0, 1), tensor(state, "c").transpose(0, 1)
            run = self._by_step if x.shape[1] <= _FEW_STEPS else self.lstm
            y, (h, c) = run(x, (h.contiguous(), c.contiguous()))
            return y, {"h": h.transpose(0, 1), "c": c.transpose(0, 1)}
        if lengths is None or self.config.causal:
            return self.lstm(x)[0], None
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        y, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])
        return y, None

    def _by_step(
        self, x: Tensor, start: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """``self.lstm`` cell by cell: a live token does not pay for repacking its weights."""
        steps, ends = x.unbind(1), []
        for layer, (h, c) in enumerate(zip(*start, strict=True)):
            weights = self.lstm.all_weights[layer]
            outputs = []
            for step in steps:
                h, c = torch.lstm_cell(step, (h, c), *weights)
                outputs.append(h)
            steps = tuple(outputs)
            ends.append((h, c))
        hs, cs = zip(*ends, strict=True)
        return torch.stack(steps, dim=1), (torch.stack(hs), torch.stack(cs))


class PseudoVQ(StreamingModule):
    """Quantized latents so far [B, K, L] -> logits of the next stage's tokens [B, M, L].

    A causal one may be given ``future`` [B, K, L], the plain vectors ``lookahead`` steps ahead of
    ``x``: at step t it has seen plain tokens up to ``t + lookahead``.
    """

    def __init__(self, config: PseudoConfig, dim: int, codebook_size: int) -> None:
        super().__init__()
        channels = config.channels
        self.config = config
        self.embed = CausalConv1d(dim, channels, config.input_kernel, causal=config.causal)
        ahead = config.lookahead
        self.ahead = CausalConv1d(dim, channels, ahead, bias=False) if ahead else None
        self.blocks = nn.ModuleList(ConformerBlock(config) for _ in range(config.blocks))
        self.lstm = PaddedLSTM(config)
        self.head = Linear(self.lstm.out_channels, codebook_size)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        ends = [("embed", self.embed), ("lstm", self.lstm), ("ahead", self.ahead)]
        return init_states([*ends, *numbered(self.blocks)], batch_size, device, dtype)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        lengths: Tensor | None = None,
        future: Tensor | None = None,
    ) -> tuple[Tensor, State | None]:
        """``lengths`` int64 [B]: tokens of each row of a padded batch.

        Raises:
            SecoustiError: a model trained with look-ahead was not given ``future``.
        """
        new: State = {}
        mask = None if lengths is None else length_mask(lengths, x.shape[-1], x.dtype)
        x = x if mask is None else x * mask
        x, embed_state = self.embed(x, substate(state, "embed"))
        if self.ahead is not None:
            if future is None:
                raise SecoustiError("this pseudo VQ looks ahead: give it the plain vectors too")
            seen, ahead_state = self.ahead(future, substate(state, "ahead"))
            x = x + seen
            _keep(new, "ahead", ahead_state)
        x = x.transpose(1, 2)  # [B, L, C]
        frame_mask = None if mask is None else mask.transpose(1, 2)
        for i, block in enumerate(self.blocks):
            x, block_state = block(x, substate(state, str(i)), frame_mask)
            _keep(new, str(i), block_state)
        x, lstm_state = self.lstm(x, substate(state, "lstm"), lengths)
        _keep(new, "embed", embed_state)
        _keep(new, "lstm", lstm_state)
        return self.head(x).transpose(1, 2), (None if state is None else new)


def length_mask(lengths: Tensor, total: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """1 inside each row, 0 on its padding, [B, 1, total]."""
    steps = torch.arange(total, device=lengths.device)
    return (steps < lengths[:, None])[:, None].to(dtype)


def _keep(state: State, name: str, value: State | None) -> None:
    if value is not None:
        state[name] = value
