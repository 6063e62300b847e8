"""Vocoders made of ``Timed`` layers: as a stream late by what their layers look ahead."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from secousti.streaming.state import State, tensor
from secousti.vocoder.base import Vocoder
from secousti.vocoder.timed import PartRunner, Timed, init_parts, late


class TimedVocoder(Vocoder):
    """A vocoder trained with padding on both sides, whole or as a stream."""

    @abstractmethod
    def _parts(self) -> dict[str, nn.Module]:
        """The layers by the names under which ``_run`` calls them."""

    @abstractmethod
    def _run(self, run: PartRunner, x: Timed) -> Tensor:
        """Mel frames [B, n_mels, T] -> audio [B, 1, hop * T], by calls of ``run``."""

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        position = torch.zeros(batch_size, dtype=torch.int64, device=device)
        return {**init_parts(self._parts(), batch_size, device), "position": position}

    def delayed(self, mel: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        if state is None:
            return late(self.generate(mel), self.delay), None
        position = tensor(state, "position")
        run = PartRunner(self._parts(), state)
        audio = self._run(run, Timed(mel, position))
        return audio, {**(run.new_state() or {}), "position": position + mel.shape[-1]}

    def generate(self, mel: Tensor) -> Tensor:
        """[B, n_mels, T] -> [B, 1, hop * T] as trained: zero padding at both ends."""
        return self._run(PartRunner(self._parts(), None), Timed(mel))
