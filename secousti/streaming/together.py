"""Streams that belong to different callers, stepped as one batch.

A ``StreamEncoder`` of ``batch_size`` rows is one caller's. Here every caller has a stream of its
own, with its own sample rate and its own age; who is ready steps together with whoever else is,
and nothing of that shows in the results.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from secousti.streaming.decoder import StreamDecoder
from secousti.streaming.encoder import StreamEncoder
from secousti.streaming.state import State, join_states, split_state


def hear(encoder: StreamEncoder, samples: Tensor) -> None:
    """Give a stream (``batch_size`` 1) samples float32 [N], without computing tokens yet."""
    if len(samples):
        encoder._rows[0].push(samples)


def whole_tokens(encoder: StreamEncoder) -> int:
    """Tokens for which a stream has heard all it needs."""
    return encoder._rows[0].pending.shape[-1] // encoder.codec.frames_per_token


def encode_together(encoders: Sequence[StreamEncoder], count: int) -> list[Tensor]:
    """``count`` tokens of each stream, int64 [count]; each has heard enough for them.

    All streams are of one codec and of ``batch_size`` 1.
    """
    first = encoders[0]
    frames = count * first.codec.frames_per_token
    mel = torch.stack([encoder._rows[0].take(frames) for encoder in encoders])
    state = join_states([encoder._state for encoder in encoders])
    codes, state = first._step(mel, state, torch.arange(len(encoders)))
    _give_back(encoders, state)
    return list(codes)


def decode_together(decoders: Sequence[StreamDecoder], codes: Sequence[Tensor]) -> list[Tensor]:
    """The audio [N_i] of equally many tokens int64 [L] for each stream.

    All streams are of one codec and of ``batch_size`` 1; lost tokens are concealed.
    """
    first = decoders[0]
    device = first.codec.device
    filled = [d._concealers[0].fill(c) for d, c in zip(decoders, codes, strict=True)]
    batch = first.codec.check_codes(torch.stack(filled)).to(device)
    hidden = torch.cat([decoder._hidden for decoder in decoders])
    state = join_states([decoder._state for decoder in decoders])
    audio, state = first._sound(batch, hidden, state)
    _give_back(decoders, state)
    return [d._emit(0, [row]) for d, row in zip(decoders, audio, strict=True)]


def _give_back(streams: Sequence[StreamEncoder | StreamDecoder], state: State) -> None:
    for stream, part in zip(streams, split_state(state, len(streams)), strict=True):
        stream._state = part
