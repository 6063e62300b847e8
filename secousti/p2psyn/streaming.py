"""P2PSynCodec live: audio chunks in, plain tokens out; tokens in, audio out (causal codecs)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.audio.io import check_audio
from secousti.audio.resample import ResampleStream, SincResampler
from secousti.errors import SecoustiError
from secousti.p2psyn.teacher import tokens_for
from secousti.streaming.concealment import DEFAULT, Concealer, Strategy
from secousti.streaming.rows import join_rows, split_rows, step_rows
from secousti.streaming.state import State, reset_rows, substate, take_rows

if TYPE_CHECKING:
    from secousti.p2psyn.codec import P2PSynCodec

_MOST_TOKENS = 512  # tokens per call, so that a large chunk needs no large memory


class P2PSynStreamEncoder:
    """``batch_size`` independent streams; pushes and a flush give the tokens that ``encode`` gives.

    Args:
        sample_rate: Hz of the audio pushed; the codec's own if not given.

    Raises:
        SecoustiError: the codec's encoder is not causal.
    """

    def __init__(
        self, codec: P2PSynCodec, batch_size: int = 1, sample_rate: int | None = None
    ) -> None:
        if not codec.config.backbone.causal:
            raise SecoustiError(f"{codec.model_id!r} is not causal: it cannot encode a stream")
        self.codec = codec.eval()
        self.batch_size = batch_size
        self.sample_rate = sample_rate or codec.sample_rate
        resampler = SincResampler(self.sample_rate, codec.sample_rate)
        self._resample = [ResampleStream(resampler) for _ in range(batch_size)]
        teacher = codec.teacher
        self._state: State = {
            "mdct": teacher.mdct.init_state(batch_size, codec.device, codec.dtype),
            "encoder": teacher.encoder.init_state(batch_size, codec.device, codec.dtype),
        }
        self._pending = [torch.zeros(1, 0, device=codec.device) for _ in range(batch_size)]
        self._heard = [0] * batch_size  # samples at the codec's rate

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
        for row, chunk in enumerate(chunks):
            if chunk is not None and len(chunk):
                samples = check_audio(torch.as_tensor(chunk).float(), "a chunk")
                self._hear(row, self._resample[row].push(samples))
        return self._tokens()

    def flush_rows(self, rows: Iterable[int] | None = None) -> list[Tensor]:
        """End the streams ``rows`` (all if not given): the tokens still owed, per stream."""
        ending = sorted(range(self.batch_size) if rows is None else set(rows))
        for row in ending:
            self._hear(row, self._resample[row].flush())
            if self._heard[row]:
                done = self._heard[row] - self._pending[row].shape[-1]
                total = tokens_for(torch.tensor(self._heard[row]), self.codec.config)
                owed = int(total) * self.codec.frame_size - done
                missing = owed - self._pending[row].shape[-1]
                self._pending[row] = F.pad(self._pending[row], (0, missing))
        tokens = self._tokens()
        self.reset(ending)
        return tokens

    def reset(self, rows: Iterable[int] | None = None) -> None:
        """Begin new streams in ``rows`` (all if not given), dropping what was not flushed."""
        chosen = list(range(self.batch_size) if rows is None else rows)
        if not chosen:
            return
        self._state = reset_rows(self._state, torch.tensor(chosen, device=self.codec.device))
        for row in chosen:
            self._resample[row].reset()
            self._pending[row] = self._pending[row][:, :0]
            self._heard[row] = 0

    def _hear(self, row: int, samples: Tensor) -> None:
        self._heard[row] += samples.shape[-1]
        samples = samples.to(self._pending[row])[None]
        self._pending[row] = torch.cat([self._pending[row], samples], dim=-1)

    def _tokens(self) -> list[Tensor]:
        unit = self.codec.frame_size
        whole = [x.shape[-1] // unit * unit for x in self._pending]
        ready = [x[:, :n] for x, n in zip(self._pending, whole, strict=True)]
        self._pending = [x[:, n:] for x, n in zip(self._pending, whole, strict=True)]
        self._state, tokens = step_rows(self._state, ready, self._step, _MOST_TOKENS * unit, unit)
        none = torch.zeros(0, dtype=torch.int64, device=self.codec.device)
        return [torch.cat([none, *parts]) for parts in tokens]

    @torch.no_grad()
    def _step(self, audio: Tensor, state: State, rows: Tensor) -> tuple[Tensor, State]:
        teacher = self.codec.teacher
        spectrum, mdct = teacher.mdct(audio.to(self.codec.dtype), substate(state, "mdct"))
        latents, encoder = teacher.encoder(spectrum, substate(state, "encoder"))
        codes = teacher.quantizer.encode(latents, stages=1)[:, 0]
        return codes, {"mdct": mdct, "encoder": encoder}


class P2PSynStreamDecoder:
    """``batch_size`` independent streams; pushes and a flush give the audio that ``decode`` gives.

    Audio lags by ``codec.delay`` samples: the first portion is shorter. A stream does not know
    how many samples its recording had; it ends with the last whole MDCT frame.

    Args:
        sample_rate: Hz of the audio returned; the codec's own if not given.
        mode: as in ``decode``, except ``oracle``.
        concealment: what is heard for tokens that are ``LOST`` (-1). Entries of a learned
            codebook have no neighbours, so the default repeats the last one that arrived.

    Raises:
        SecoustiError: the codec is not causal, or ``mode`` asks pseudo VQs that are not.
    """

    def __init__(
        self,
        codec: P2PSynCodec,
        batch_size: int = 1,
        sample_rate: int | None = None,
        mode: str | Sequence[str] = "all",
        concealment: Strategy = DEFAULT,
    ) -> None:
        if not codec.config.backbone.causal:
            raise SecoustiError(f"{codec.model_id!r} is not causal: it cannot decode a stream")
        if not codec.streams(mode):
            raise SecoustiError(
                f"the pseudo VQs of {codec.model_id!r} hear later tokens, so they decode no "
                "stream: use mode 'plain', or the whole recording"
            )
        self.codec = codec.eval()
        self.batch_size, self.mode = batch_size, mode
        self.sample_rate = sample_rate or codec.sample_rate
        resampler = SincResampler(codec.sample_rate, self.sample_rate)
        self._resample = [ResampleStream(resampler) for _ in range(batch_size)]
        self._generator = torch.Generator().manual_seed(0)
        self._vectors = codec.teacher.quantizer.vectors().detach()
        start = (batch_size, codec.device, codec.dtype)
        self._state: State = {
            "pseudo": codec.pseudo.init_state(*start),
            "decoder": codec.teacher.decoder.init_state(*start),
            "imdct": codec.teacher.imdct.init_state(*start),
        }
        self._concealers = [Concealer(codec, concealment) for _ in range(batch_size)]
        self._lag = [codec.delay] * batch_size  # samples still to drop at the start

    def push(self, codes: np.ndarray | Tensor) -> Tensor:
        """Tokens int64 [L], [B, L] or [B, 1, L] -> audio float32 [B, 1, N].

        A token that never arrived is ``LOST`` (-1); it is concealed and takes its time.

        Raises:
            SecoustiError: wrong shape, tokens outside the codebook, or streams out of step.
        """
        return join_rows(self.push_rows(split_rows(codes, self.batch_size, "codes")))

    def flush(self) -> Tensor:
        """End every stream: the audio still owed, [B, 1, N]; then all start anew."""
        return join_rows(self.flush_rows())

    def push_rows(self, codes: Sequence[np.ndarray | Tensor | None]) -> list[Tensor]:
        """Tokens [L_i] per stream (``None`` for none) -> audio [N_i] per stream."""
        none = torch.zeros(0, dtype=torch.int64)
        rows = [none if c is None else torch.as_tensor(c).reshape(-1) for c in codes]
        rows = [c.fill(row) for c, row in zip(self._concealers, rows, strict=True)]
        for row in rows:
            self.codec.check_codes(row[None, None])
        pending = [row[None].to(self.codec.device) for row in rows]
        self._state, audio = step_rows(self._state, pending, self._step, _MOST_TOKENS)
        return [self._emit(i, parts) for i, parts in enumerate(audio)]

    def flush_rows(self, rows: Iterable[int] | None = None) -> list[Tensor]:
        """End the streams ``rows`` (all if not given): the audio still owed, per stream."""
        ending = sorted(range(self.batch_size) if rows is None else set(rows))
        audio = [torch.zeros(0)] * self.batch_size
        for i in ending:
            only = torch.tensor([i], device=self.codec.device)
            last = torch.zeros(0)
            if self.codec.pseudo.lookahead:
                silence = torch.zeros(1, 1, self.codec.pseudo.lookahead, dtype=torch.int64)
                tail = self._synthesize(silence.to(only.device), take_rows(self._state, only), 0)[0]
                last = self._emit(i, [tail[0]])
            audio[i] = torch.cat([last, self._resample[i].flush()])
        self.reset(ending)
        return audio

    def reset(self, rows: Iterable[int] | None = None) -> None:
        """Begin new streams in ``rows`` (all if not given)."""
        chosen = list(range(self.batch_size) if rows is None else rows)
        if not chosen:
            return
        self._state = reset_rows(self._state, torch.tensor(chosen, device=self.codec.device))
        for i in chosen:
            self._resample[i].reset()
            self._concealers[i].reset()
            self._lag[i] = self.codec.delay

    def _step(self, codes: Tensor, state: State, rows: Tensor) -> tuple[Tensor, State]:
        return self._synthesize(codes, state, codes.shape[-1])

    @torch.no_grad()
    def _synthesize(self, codes: Tensor, state: State, given: int) -> tuple[Tensor, State]:
        """Codes [R, 1, L], of which the first ``given`` count, -> audio [R, N]."""
        teacher = self.codec.teacher
        lengths = torch.full((len(codes),), given, device=codes.device)
        latents, pseudo = self.codec.pseudo(
            codes, self._vectors, self.mode, substate(state, "pseudo"), lengths, self._generator
        )
        latents = latents.to(self.codec.dtype)
        spectrum, decoder = teacher.decoder(latents, substate(state, "decoder"))
        audio, imdct = teacher.imdct(spectrum, substate(state, "imdct"))
        return audio[:, 0], {"pseudo": pseudo, "decoder": decoder, "imdct": imdct}

    def _emit(self, row: int, parts: list[Tensor]) -> Tensor:
        """Drop the lag at the start of a stream; clip; resample."""
        if not parts:
            return torch.zeros(0)
        audio = torch.cat(parts).float().clamp(-1, 1).cpu()
        drop = min(self._lag[row], len(audio))
        self._lag[row] -= drop
        return self._resample[row].push(audio[drop:])
