"""Live encoding: audio in any chunks in, tokens out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from secousti.ambient import undisturbed
from secousti.base import MOST_TOKENS, Codec
from secousti.errors import SecoustiError
from secousti.samples import as_samples, check_rate
from secousti.sessions.streams import Streams
from secousti.streaming.rows import join_rows, split_rows, step_rows
from secousti.streaming.state import State, take_rows


class StreamEncoder(Streams):
    """``batch_size`` independent streams of one codec.

    Pushing chunks of any size and flushing gives the tokens that ``encode`` gives for the whole
    recording. Memory does not grow with the length of a stream.

    Args:
        sample_rate: Hz of the audio pushed; the codec's own if not given.

    Raises:
        SecoustiError: the codec's encoder is not causal.
    """

    def __init__(
        self, codec: Codec, *, batch_size: int = 1, sample_rate: int | None = None
    ) -> None:
        codec.check_causal()
        self.codec = codec.eval()
        self.batch_size = batch_size
        self.sample_rate = codec.sample_rate if sample_rate is None else check_rate(sample_rate)
        with undisturbed(codec.device):
            self._rows = [codec.frontend(self.sample_rate) for _ in range(batch_size)]
            self.state: State = codec.encoder_state(batch_size)

    def push(self, chunk: np.ndarray | Tensor) -> Tensor:
        """Audio [N], [B, N] or [B, 1, N] -> the tokens it completes, int64 [B, K, L] (L >= 0).

        Floats in [-1, 1]; int16, int32 and uint8 are scaled.

        Raises:
            SecoustiError: wrong shape or type, NaN, or streams out of step (see ``push_rows``).
        """
        return join_rows(self.push_rows(split_rows(chunk, self.batch_size, "a chunk")))

    def flush(self) -> Tensor:
        """End every stream: the tokens still owed, int64 [B, K, L]; then all start anew."""
        return join_rows(self.flush_rows())

    def push_rows(self, chunks: Sequence[np.ndarray | Tensor | None]) -> list[Tensor]:
        """One chunk [N_i] per stream (``None`` for nothing) -> tokens, int64 [L_i] ([K, L_i])."""
        with undisturbed(self.codec.device):
            for row, chunk in enumerate(chunks):
                if chunk is not None and len(chunk):
                    self.receive(chunk, row)
            return [_row(parts) for parts in self._tokens()]

    def flush_rows(self, rows: Iterable[int] | None = None) -> list[Tensor]:
        """End the streams ``rows`` (all if not given): the tokens still owed, per stream."""
        ending = sorted(range(self.batch_size) if rows is None else set(rows))
        with undisturbed(self.codec.device):
            for i in ending:
                self._rows[i].flush()
            tokens = self._tokens()
            for i in ending:
                rest = self._rows[i].pending
                if rest.shape[-1]:  # a last token of fewer frames, as offline
                    only = torch.tensor([i], device=rest.device)
                    state = take_rows(self.state, only)
                    tokens[i].append(self.codec.encode_step(rest[None], state)[0][0])
            self.reset(ending)
        return [_row(parts) for parts in tokens]

    def _reset_row(self, row: int) -> None:
        self._rows[row].reset()

    @property
    def knows_voice(self) -> bool:
        """Whether every stream has received enough to tell who speaks."""
        return all(row.recent.shape[-1] > 0 for row in self._rows)

    def voice(self) -> Tensor:
        """Who has spoken in the last seconds, float32 [B, V].

        Of the most recent window, where ``encode`` takes the middle of the whole recording.

        Raises:
            SecoustiError: a codec that keeps no voice, or a stream that has received too little.
        """
        self.codec.check_voice()
        if not self.knows_voice:
            raise SecoustiError("no audio has come in yet: push at least one mel frame of it")
        with undisturbed(self.codec.device):
            return torch.cat([self.codec.voice_step(row.recent) for row in self._rows])

    # ---------------------------------------------------------------- the steps, for ``together``
    def receive(self, samples: np.ndarray | Tensor, row: int = 0) -> None:
        """Give a stream samples [N], without computing tokens yet.

        Raises:
            SecoustiError: NaN among them, 8-bit samples, or what ``samples.as_samples`` refuses.
        """
        if getattr(samples, "dtype", None) in (torch.uint8, np.uint8):
            raise SecoustiError(
                "a chunk of 8-bit samples would give tokens of its rounding noise: push int16, "
                "int32 or float samples"
            )
        self._rows[row].push(as_samples(samples, what="a chunk"))

    def ready(self, row: int = 0) -> int:
        """Tokens of a stream whose inputs are all there."""
        return self._rows[row].ready

    def take(self, tokens: int) -> Tensor:
        """The inputs [B, C, T] of every stream's next tokens, for ``Codec.encode_step``."""
        return torch.stack([row.take(tokens) for row in self._rows])

    def _tokens(self) -> list[list[Tensor]]:
        """What all streams are ready for, [K, L_i] in parts."""
        unit = self._rows[0].unit
        whole = [row.take(row.ready) for row in self._rows]
        most = MOST_TOKENS * unit
        self.state, tokens = step_rows(self.state, whole, self._step, most, unit)
        none = torch.zeros(self.codec.num_codebooks, 0, dtype=torch.int64, device=self.codec.device)
        return [[none, *parts] for parts in tokens]

    def _step(self, inputs: Tensor, state: State, rows: Tensor) -> tuple[Tensor, State]:
        return self.codec.encode_step(inputs, state)


def _row(parts: list[Tensor]) -> Tensor:
    """Tokens [K, L_i] of a stream in one piece, [L] if K is 1."""
    codes = torch.cat(parts, dim=-1)
    return codes[0] if len(codes) == 1 else codes
