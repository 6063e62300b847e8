"""Live encoding: audio in any chunks in, tokens out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from secousti.audio.io import check_audio
from secousti.audio.mel import MelStream
from secousti.audio.resample import ResampleStream, SincResampler
from secousti.errors import SecoustiError
from secousti.streaming.rows import join_rows, split_rows, step_rows
from secousti.streaming.state import State, reset_rows, take_rows

if TYPE_CHECKING:
    from secousti.codec import SecoustiCodec

_MOST_TOKENS = 512  # tokens per call, so that a large chunk needs no large memory


class StreamEncoder:
    """``batch_size`` independent streams of one codec.

    Pushing chunks of any size and flushing gives the tokens that ``encode`` gives for the whole
    recording. Memory does not grow with the length of a stream.

    Args:
        sample_rate: Hz of the audio pushed; the codec's own if not given.
    """

    def __init__(
        self, codec: SecoustiCodec, batch_size: int = 1, sample_rate: int | None = None
    ) -> None:
        self.codec = codec.eval()
        self.batch_size = batch_size
        self.sample_rate = sample_rate or codec.sample_rate
        resampler = SincResampler(self.sample_rate, codec.sample_rate)
        self._rows = [_Row(codec, resampler) for _ in range(batch_size)]
        self._state = codec.token_encoder_state(batch_size)

    def push(self, chunk: np.ndarray | Tensor) -> Tensor:
        """Audio [N], [B, N] or [B, 1, N] -> the tokens it completes, int64 [B, 1, L] (L >= 0).

        Raises:
            SecoustiError: wrong shape, NaN, or streams out of step (see ``push_rows``).
        """
        return join_rows(self.push_rows(split_rows(chunk, self.batch_size, "a chunk")))

    def flush(self) -> Tensor:
        """End every stream: the tokens still owed, int64 [B, 1, L]; then all start anew."""
        return join_rows(self.flush_rows())

    def push_rows(self, chunks: Sequence[np.ndarray | Tensor | None]) -> list[Tensor]:
        """One chunk [N_i] per stream (``None`` for nothing) -> tokens int64 [L_i] per stream."""
        for row, chunk in zip(self._rows, chunks, strict=True):
            if chunk is not None and len(chunk):
                row.push(check_audio(torch.as_tensor(chunk).float(), "a chunk"))
        return self._tokens()

    def flush_rows(self, rows: Iterable[int] | None = None) -> list[Tensor]:
        """End the streams ``rows`` (all if not given): the tokens still owed, per stream."""
        ending = sorted(range(self.batch_size) if rows is None else set(rows))
        for i in ending:
            self._rows[i].flush()
        tokens = [[t] for t in self._tokens()]
        for i in ending:
            rest = self._rows[i].pending
            if rest.shape[-1]:  # centered mode: a last token of fewer frames, as offline
                only = torch.tensor([i], device=rest.device)
                tokens[i].append(self._step(rest[None], take_rows(self._state, only), only)[0][0])
        self.reset(ending)
        return [torch.cat(parts) for parts in tokens]

    def reset(self, rows: Iterable[int] | None = None) -> None:
        """Begin new streams in ``rows`` (all if not given), dropping what was not flushed."""
        chosen = list(range(self.batch_size) if rows is None else rows)
        if not chosen:
            return
        self._state = reset_rows(self._state, torch.tensor(chosen, device=self.codec.device))
        for i in chosen:
            self._rows[i].reset()

    def paralinguistic(self) -> Tensor:
        """Who has spoken in the last seconds, float32 [B, 64].

        Heard in the most recent window, where ``encode`` hears the middle of the whole recording.

        Raises:
            SecoustiError: a stream has not had a single mel frame yet.
        """
        return torch.cat([self._voice(row) for row in self._rows])

    @torch.no_grad()
    def _voice(self, row: _Row) -> Tensor:
        count = row.recent.shape[-1]
        if count == 0:
            raise SecoustiError("nothing has been heard yet: push at least one mel frame of audio")
        return self.codec.global_vector(row.recent[None], torch.tensor([count]))

    def _tokens(self) -> list[Tensor]:
        unit = self.codec.frames_per_token
        whole = [row.take(row.pending.shape[-1] // unit * unit) for row in self._rows]
        self._state, tokens = step_rows(self._state, whole, self._step, _MOST_TOKENS * unit, unit)
        none = torch.zeros(0, dtype=torch.int64, device=self.codec.device)
        return [torch.cat([none, *parts]) for parts in tokens]

    @torch.no_grad()
    def _step(self, mel: Tensor, state: State, rows: Tensor) -> tuple[Tensor, State]:
        codes, new_state = self.codec.tokenize(mel, state)
        assert new_state is not None
        return codes[:, 0], new_state


class _Row:
    """What one stream holds before the network: resampler, mel framing, incomplete tokens."""

    def __init__(self, codec: SecoustiCodec, resampler: SincResampler) -> None:
        self._resample = ResampleStream(resampler)
        self._mel = MelStream(codec.mel, codec.frames_per_token)
        self._window = codec.config.paralinguistic.window_frames
        self._empty = torch.zeros(codec.mel.channels, 0, device=codec.device)
        self.reset()

    def reset(self) -> None:
        self._resample.reset()
        self._mel.reset()
        self.pending = self._empty  # [n_mels, T] frames not yet in a token
        self.recent = self._empty  # [n_mels, T] what the paralinguistic encoder hears

    def push(self, samples: Tensor) -> None:
        self._add(self._mel.push(self._resample.push(samples)))

    def flush(self) -> None:
        self._add(self._mel.push(self._resample.flush()))
        self._add(self._mel.flush())

    def take(self, count: int) -> Tensor:
        taken, self.pending = self.pending[:, :count], self.pending[:, count:]
        return taken

    def _add(self, frames: Tensor) -> None:
        self.pending = torch.cat([self.pending, frames], dim=-1)
        self.recent = torch.cat([self.recent, frames], dim=-1)[:, -self._window :]
