"""Work one row and one step at a time, so that a result never depends on what came along."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from secousti.audio.mel import LogMel
from secousti.streaming.chunks import in_steps
from secousti.streaming.state import State, map_state
from secousti.vocoder.base import Vocoder


def row_by_row(
    work: Callable[[int, State], tuple[Tensor, State]], batch_size: int, state: State
) -> tuple[list[Tensor], State]:
    """``work(i, state of row i)`` for every row: the results, and the state of all."""
    if batch_size == 1:
        result, state = work(0, state)
        return [result], state
    rows = [work(i, map_state(lambda t: t[i : i + 1], state)) for i in range(batch_size)]  # noqa: B023
    results, states = zip(*rows, strict=True)
    return list(results), map_state(lambda *t: torch.cat(t), *states)


class SteppedMel(nn.Module):
    """``mel`` one frame at a time in ``dtype``; everything else about it is as it was."""

    def __init__(self, mel: LogMel, dtype: torch.dtype) -> None:
        super().__init__()
        self.mel = copy.deepcopy(mel)
        self.mel.compute_in(dtype)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("mel"), name)

    def forward(self, wav: Tensor, multiple: int = 1) -> Tensor:
        """As ``LogMel.forward``."""
        return self.frames(self.mel.pad(wav, multiple))

    def frames(self, padded: Tensor) -> Tensor:
        """As ``LogMel.frames``."""
        hop, size = self.mel.config.hop_length, self.mel.config.n_fft
        starts = range(0, padded.shape[-1] - size + 1, hop)
        return torch.cat([self.mel.frames(padded[:, t : t + size]) for t in starts], dim=-1)


class SteppedVocoder(Vocoder):
    """``vocoder`` in steps of ``unit`` frames, offline as in a stream."""

    def __init__(self, vocoder: Vocoder, unit: int) -> None:
        super().__init__(vocoder.mel, vocoder.lookahead)
        self.vocoder = vocoder
        self.unit = unit

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.vocoder.init_state(batch_size, device, dtype)

    def delayed(self, mel: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        start = state or self.init_state(mel.shape[0], mel.device, mel.dtype)
        audio, new = row_by_row(
            lambda i, row: in_steps(self.vocoder.delayed, mel[i : i + 1], row, self.unit),
            mel.shape[0],
            start,
        )
        return torch.cat(audio), None if state is None else new
