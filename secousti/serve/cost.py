"""How long steps take: measured when a model is loaded, corrected while it works."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from secousti.base import ALL, Codec
from secousti.sessions.decoder import StreamDecoder
from secousti.sessions.encoder import StreamEncoder
from secousti.sessions.together import decode_together, encode_together

_STEP_SECONDS = 0.04  # about so much sound goes through a step when sessions wait for each other
_ROWS = 4
_TRIES = 3
_MEMORY = 0.1  # weight of the newest step


class Cost:
    """Seconds of a step with so many rows and tokens: a line through two measurements.

    ``slowdown`` is how much longer steps took lately, because the machine does other things too.
    """

    def __init__(self, one: float, several: float) -> None:
        self._slope = max(several - one, 0.0) / (_ROWS - 1)
        self._base = max(one - self._slope, 0.0)
        self.slowdown = 1.0

    def predict(self, tokens: int) -> float:
        """Of a step that makes ``tokens`` tokens in all its rows."""
        return (self._base + self._slope * tokens) * self.slowdown if tokens else 0.0

    def observe(self, tokens: int, seconds: float) -> None:
        """Learn from a step."""
        ratio = seconds / max((self._base + self._slope * tokens), 1e-6)
        self.slowdown += _MEMORY * (ratio - self.slowdown)

    def forget(self) -> None:
        """Nobody is here to suffer or to measure."""
        self.slowdown = 1.0


class ModelCost:
    """What sessions with one codec need of a worker's time."""

    def __init__(self, codec: Codec, mode: str = ALL) -> None:
        self.quantum = max(1, round(_STEP_SECONDS * codec.frame_rate))
        self._sound = self.quantum / codec.frame_rate
        self.encode = Cost(*(_encode_seconds(codec, rows) for rows in (1, _ROWS)))
        self.decode = Cost(*(_decode_seconds(codec, mode, rows) for rows in (1, _ROWS)))

    def load(self, encoders: int, decoders: int) -> float:
        """Share of one worker's time that so many streams need."""
        return self.step(encoders, decoders) / self._sound

    def step(self, encoders: int, decoders: int) -> float:
        """Seconds of a step with all of them."""
        rows = encoders * self.quantum, decoders * self.quantum
        return self.encode.predict(rows[0]) + self.decode.predict(rows[1])

    def forget(self) -> None:
        """Begin to measure anew."""
        self.encode.forget()
        self.decode.forget()


def _encode_seconds(codec: Codec, rows: int) -> float:
    encoders = [StreamEncoder(codec) for _ in range(rows)]
    sound = torch.zeros(codec.frame_size * (_TRIES + 2))
    for encoder in encoders:
        encoder.receive(sound)
    return _fastest(lambda: encode_together(encoders, 1))


def _decode_seconds(codec: Codec, mode: str, rows: int) -> float:
    decoders = [StreamDecoder(codec, mode=mode) for _ in range(rows)]
    code = torch.full((codec.num_codebooks, 1), codec.codebook_size // 2)
    return _fastest(lambda: decode_together(decoders, [code] * rows))


def _fastest(step: Callable[[], object]) -> float:
    times = []
    for _ in range(_TRIES):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return min(times)
