"""Live decoding: tokens in, audio out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from secousti.audio.resample import ResampleStream, SincResampler
from secousti.errors import SecoustiError
from secousti.streaming.concealment import DEFAULT, Concealer, Strategy
from secousti.streaming.rows import join_rows, split_rows, step_rows
from secousti.streaming.state import State, reset_rows, take_rows

if TYPE_CHECKING:
    from secousti.codec import SecoustiCodec

_MOST_TOKENS = 512  # tokens per call, so that a large chunk needs no large memory


class StreamDecoder:
    """``batch_size`` independent streams of one codec.

    Pushing tokens in any portions and flushing gives the audio that ``decode`` gives for all of
    them. The first portion is shorter by what the vocoder looks ahead (``codec.vocoder.delay``
    samples); ``flush`` returns those.

    Args:
        paralinguistic: float32 [B, 64] or [1, 64], from ``encode``, ``StreamEncoder`` or a file;
            all zeros (an average voice) until one is known.
        sample_rate: Hz of the audio returned; the codec's own if not given.
        concealment: what is heard for missing tokens, see ``streaming/concealment.py``.
    """

    def __init__(
        self,
        codec: SecoustiCodec,
        paralinguistic: Tensor | None = None,
        batch_size: int = 1,
        sample_rate: int | None = None,
        concealment: Strategy = DEFAULT,
    ) -> None:
        if codec.vocoder is None:
            raise SecoustiError("this codec has no vocoder, so it cannot speak")
        self.codec = codec.eval()
        self.vocoder = codec.vocoder
        self.batch_size = batch_size
        self.sample_rate = sample_rate or codec.sample_rate
        resampler = SincResampler(codec.sample_rate, self.sample_rate)
        self._resample = [ResampleStream(resampler) for _ in range(batch_size)]
        self._state: State = {
            "mel": codec.token_decoder_state(batch_size),
            "vocoder": self.vocoder.init_state(batch_size, codec.device, codec.dtype),
        }
        self._concealers = [Concealer(codec.quantizer, concealment) for _ in range(batch_size)]
        self._lag = [self.vocoder.delay] * batch_size  # samples still to drop at the start
        self._hidden = torch.zeros(
            batch_size, codec.config.paralinguistic.hidden_size, device=codec.device
        )
        if paralinguistic is not None:
            self.set_paralinguistic(paralinguistic)

    def set_paralinguistic(self, vector: Tensor, rows: Iterable[int] | None = None) -> None:
        """Speak on in another voice (float32 [R, 64] or [1, 64]) in ``rows``, all if not given."""
        chosen = list(range(self.batch_size) if rows is None else rows)
        size = self._hidden.shape[1]
        if vector.dim() != 2 or vector.shape[1] != size or len(vector) not in (1, len(chosen)):
            raise SecoustiError(
                f"a paralinguistic vector must be [{len(chosen)}, {size}], "
                f"found {tuple(vector.shape)}"
            )
        self._hidden[chosen] = vector.to(self._hidden)

    def conceal(self, strategy: Strategy) -> None:
        """Fill gaps like this from here on."""
        for concealer in self._concealers:
            concealer.switch(strategy)

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
            with torch.no_grad():
                tail = self.vocoder.flush(take_rows(self._state, only)["vocoder"])  # type: ignore[arg-type]
            last = self._emit(i, [tail[0, 0]])
            audio[i] = torch.cat([last, self._resample[i].flush()])
        self.reset(ending)
        return audio

    def reset(self, rows: Iterable[int] | None = None) -> None:
        """Begin new streams in ``rows`` (all if not given); voices stay as they are set."""
        chosen = list(range(self.batch_size) if rows is None else rows)
        if not chosen:
            return
        self._state = reset_rows(self._state, torch.tensor(chosen, device=self.codec.device))
        for i in chosen:
            self._resample[i].reset()
            self._concealers[i].reset()
            self._lag[i] = self.vocoder.delay

    def _step(self, codes: Tensor, state: State, rows: Tensor) -> tuple[Tensor, State]:
        return self._sound(codes, self._hidden[rows], state)

    @torch.no_grad()
    def _sound(self, codes: Tensor, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        """Codes [R, 1, L] in the voices [R, 64] -> audio [R, N], ``delay`` samples late."""
        hidden = hidden.to(self.codec.dtype)
        mel, mel_state = self.codec.synthesize_mel(codes, hidden, state["mel"])  # type: ignore[arg-type]
        audio, vocoder = self.vocoder(mel.to(self.codec.dtype), state["vocoder"])
        assert mel_state is not None
        return audio[:, 0], {"mel": mel_state, "vocoder": vocoder}

    def _emit(self, row: int, parts: list[Tensor]) -> Tensor:
        """Drop the vocoder's lag at the start of a stream; clip; resample."""
        if not parts:
            return torch.zeros(0)
        audio = torch.cat(parts).float().clamp(-1, 1).cpu()
        drop = min(self._lag[row], len(audio))
        self._lag[row] -= drop
        return self._resample[row].push(audio[drop:])
