"""Live decoding: tokens in, audio out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from secousti.ambient import undisturbed
from secousti.audio.resample import ResampleStream, resampler
from secousti.base import ALL, MOST_TOKENS, Codec, Mode
from secousti.facts import as_integers
from secousti.samples import check_rate
from secousti.sessions.concealment import DEFAULT, LOST, Concealer, Strategy
from secousti.sessions.streams import Streams
from secousti.streaming.rows import join_rows, split_rows, step_rows
from secousti.streaming.state import State, take_rows


class StreamDecoder(Streams):
    """``batch_size`` independent streams of one codec.

    Pushing tokens in any portions and flushing gives the audio that ``decode`` gives for all of
    them. The first portion is shorter by what the decoder looks ahead (``codec.delay`` samples);
    ``flush`` returns those that whole tokens fill.

    Args:
        voice: [V], [B, V] or [1, V], from ``encode``, ``StreamEncoder`` or a file; all zeros (an
            average voice) until one is known.
        sample_rate: Hz of the audio returned; the codec's own if not given.
        mode: one of ``codec.modes``.
        concealment: what is heard for missing tokens, see ``sessions/concealment.py``.

    Raises:
        SecoustiError: a codec that cannot decode a stream (so), or a voice that is none of its.
    """

    def __init__(
        self,
        codec: Codec,
        voice: Any = None,
        *,
        batch_size: int = 1,
        sample_rate: int | None = None,
        mode: Mode = ALL,
        concealment: Strategy = DEFAULT,
    ) -> None:
        codec.check_streams(mode)
        self.codec = codec.eval()
        self.batch_size, self.mode = batch_size, mode
        self.sample_rate = codec.sample_rate if sample_rate is None else check_rate(sample_rate)
        resample = resampler(codec.sample_rate, self.sample_rate)
        with undisturbed(codec.device):
            self._resample = [ResampleStream(resample) for _ in range(batch_size)]
            self.state: State = codec.decoder_state(batch_size)
            self.voices = torch.zeros(batch_size, codec.voice_size, device=codec.device)
        stages = codec.num_codebooks
        self._generator = torch.Generator().manual_seed(0)
        # One for each token stream of each row.
        self._concealers = [
            [Concealer(codec.codebook_size, codec.levels, concealment) for _ in range(stages)]
            for _ in range(batch_size)
        ]
        self._lag = [codec.delay] * batch_size  # samples still to drop at the start
        if voice is not None:
            self.set_voice(voice)

    def set_voice(self, voice: Any, rows: Iterable[int] | None = None) -> None:
        """Speak on in another voice ([V], [1, V] or [R, V]) in ``rows``, all if not given.

        Raises:
            SecoustiError: a codec without a voice, another shape, NaN, numbers beyond [-1, 1].
        """
        self.codec.check_voice()
        chosen = list(range(self.batch_size) if rows is None else rows)
        with undisturbed(self.codec.device):
            self.voices[chosen] = self.codec.voices_for(voice, len(chosen))

    def conceal(self, strategy: Strategy) -> None:
        """Fill gaps like this from here on."""
        for concealer in itertools.chain(*self._concealers):
            concealer.switch(strategy)

    def push(self, codes: np.ndarray | Tensor) -> Tensor:
        """Tokens [L], [B, L] or [B, K, L] -> audio float32 [B, 1, N].

        A token that never arrived is ``LOST`` (-1); it is concealed and takes its time.

        Raises:
            SecoustiError: wrong shape or type, tokens outside the codebook, streams out of step.
        """
        rows = split_rows(codes, self.batch_size, "codes", self.codec.num_codebooks)
        return join_rows(self.push_rows(rows))

    def flush(self) -> Tensor:
        """End every stream: the audio still owed, [B, 1, N]; then all start anew."""
        return join_rows(self.flush_rows())

    def push_rows(self, codes: Sequence[np.ndarray | Tensor | None]) -> list[Tensor]:
        """Tokens [L_i] or [K, L_i] per stream (``None`` for none) -> audio [N_i] per stream."""
        with undisturbed(self.codec.device):
            pending = [self.fill(row, i) for i, row in enumerate(codes)]
            self.state, audio = step_rows(self.state, pending, self._step, MOST_TOKENS)
            return [self.emit(parts, i) for i, parts in enumerate(audio)]

    def flush_rows(self, rows: Iterable[int] | None = None) -> list[Tensor]:
        """End the streams ``rows`` (all if not given): the audio still owed, per stream."""
        ending = sorted(range(self.batch_size) if rows is None else set(rows))
        audio = [torch.zeros(0)] * self.batch_size
        with undisturbed(self.codec.device):
            for i in ending:
                only = torch.tensor([i], device=self.codec.device)
                tail = self.codec.flush_step(
                    take_rows(self.state, only),
                    voice=self.voices[only],
                    mode=self.mode,
                    generator=self._generator,
                )
                audio[i] = torch.cat([self.emit([tail[0]], i), self._resample[i].flush()])
            self.reset(ending)
        return audio

    def _reset_row(self, row: int) -> None:
        self._resample[row].reset()
        for concealer in self._concealers[row]:
            concealer.reset()
        self._lag[row] = self.codec.delay

    # ---------------------------------------------------------------- the steps, for ``together``
    def fill(self, codes: np.ndarray | Tensor | None, row: int = 0) -> Tensor:
        """A stream's next tokens as int64 [K, L] on the codec's device, lost ones concealed.

        Raises:
            SecoustiError: wrong shape or type, or tokens outside the codebook.
        """
        stages = self.codec.num_codebooks
        given = as_integers([] if codes is None else codes).reshape(stages, -1)
        self.codec.check_codes(torch.where(given == LOST, 0, given)[None])
        parts = zip(self._concealers[row], given, strict=True)
        return torch.stack([concealer.fill(c) for concealer, c in parts]).to(self.codec.device)

    def emit(self, parts: Sequence[Tensor], row: int = 0) -> Tensor:
        """A stream's decoded audio [N_i]: its lag at the start dropped, clipped, resampled."""
        if not parts:
            return torch.zeros(0)
        audio = torch.cat(list(parts)).float().clamp(-1, 1).cpu()
        drop = min(self._lag[row], len(audio))
        self._lag[row] -= drop
        return self._resample[row].push(audio[drop:])

    def _step(self, codes: Tensor, state: State, rows: Tensor) -> tuple[Tensor, State]:
        return self.codec.decode_step(
            codes, state, voice=self.voices[rows], mode=self.mode, generator=self._generator
        )
