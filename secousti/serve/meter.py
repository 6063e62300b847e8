"""What a session has taken and given, for its ``stats`` and ``done`` messages."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass
from typing import Any

WINDOW = 10.0  # seconds that rates and times are of


@dataclass
class Timing:
    """Of one token: seconds it waited, was computed, and took in all; sessions in its step."""

    at: float
    queue: float
    encode: float | None
    decode: float | None
    server: float
    batch: int


class Meter:
    """Counts of one session. ``seconds`` is sound, not time."""

    def __init__(self, bits_per_token: float, voice_bits: int) -> None:
        self._bits_per_token = bits_per_token
        self._voice_bits = voice_bits
        self.seconds = 0.0
        self.tokens = 0
        self.lost = 0
        self.voices = 0
        self._sent: deque[tuple[float, int, int]] = deque()  # second, tokens, voices
        self._timings: deque[Timing] = deque()

    def sent(self, tokens: int = 0, lost: int = 0, voices: int = 0) -> None:
        """Tokens or voices went through the channel at the present second of sound."""
        self.tokens += tokens
        self.lost += lost
        self.voices += voices
        self._sent.append((self.seconds, tokens, voices))
        # Half open: with a token at either end the window would hold one too many.
        while self._sent and self._sent[0][0] <= self.seconds - WINDOW:
            self._sent.popleft()

    def timed(self, timing: Timing) -> None:
        """One more step."""
        self._timings.append(timing)
        while self._timings[0].at < timing.at - WINDOW:
            self._timings.popleft()

    def totals(self) -> dict[str, Any]:
        """The fields that ``stats`` and ``done`` share."""
        return {
            "seconds": round(self.seconds, 3),
            "tokens": self.tokens,
            "lost": self.lost,
            "token_bits": round(self.tokens * self._bits_per_token, 1),
            "side_bits": self.voices * self._voice_bits,
        }

    def recent(self) -> dict[str, Any]:
        """Rates and times of the last seconds."""
        span = min(self.seconds, WINDOW)
        tokens = sum(entry[1] for entry in self._sent) * self._bits_per_token
        side = sum(entry[2] for entry in self._sent) * self._voice_bits
        servers = sorted(t.server for t in self._timings)
        p95 = servers[min(len(servers) - 1, int(0.95 * len(servers)))] if servers else None
        return {
            "token_bit_rate": round(tokens / span, 1) if span else None,
            "side_bit_rate": round(side / span, 1) if span else None,
            "queue_ms": _median_ms([t.queue for t in self._timings]),
            "encode_ms": _median_ms([t.encode for t in self._timings]),
            "decode_ms": _median_ms([t.decode for t in self._timings]),
            "server_ms": _median_ms(servers),
            "server_p95_ms": None if p95 is None else round(1e3 * p95, 2),
            "batch": round(statistics.fmean(t.batch for t in self._timings), 2)
            if self._timings
            else None,
        }


def _median_ms(seconds: list[float] | list[float | None]) -> float | None:
    known = [s for s in seconds if s is not None]
    return round(1e3 * statistics.median(known), 2) if known else None
