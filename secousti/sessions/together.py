"""Streams that belong to different callers, stepped as one batch.

A ``StreamEncoder`` of ``batch_size`` rows is one caller's. Here every caller has a stream of its
own, with its own sample rate and its own age; who is ready steps together with whoever else is,
and nothing of that shows in the results.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from secousti.ambient import undisturbed
from secousti.sessions.decoder import StreamDecoder
from secousti.sessions.encoder import StreamEncoder
from secousti.streaming.state import State, join_states, split_state


def encode_together(encoders: Sequence[StreamEncoder], count: int) -> list[Tensor]:
    """``count`` tokens of each stream, int64 [count] ([K, count]); each is ``ready`` for as many.

    All streams are of one codec and of ``batch_size`` 1.
    """
    codec = encoders[0].codec
    with undisturbed(codec.device):
        inputs = torch.cat([encoder.take(count) for encoder in encoders])
        state = join_states([encoder.state for encoder in encoders])
        codes, state = codec.encode_step(inputs, state)
        _give_back(encoders, state)
    return list(codes[:, 0] if codes.shape[1] == 1 else codes)


def decode_together(decoders: Sequence[StreamDecoder], codes: Sequence[Tensor]) -> list[Tensor]:
    """The audio [N_i] of equally many tokens int64 [L] ([K, L]) for each stream.

    All streams are of one codec, in one mode, and of ``batch_size`` 1; lost tokens are concealed.
    """
    first = decoders[0]
    with undisturbed(first.codec.device):
        batch = torch.stack([d.fill(c) for d, c in zip(decoders, codes, strict=True)])
        voices = torch.cat([decoder.voices for decoder in decoders])
        state = join_states([decoder.state for decoder in decoders])
        audio, state = first.codec.decode_step(batch, state, voice=voices, mode=first.mode)
        _give_back(decoders, state)
        return [d.emit([row]) for d, row in zip(decoders, audio, strict=True)]


def _give_back(streams: Sequence[StreamEncoder | StreamDecoder], state: State) -> None:
    for stream, part in zip(streams, split_state(state, len(streams)), strict=True):
        stream.state = part
