"""What a server is started with, and what it allows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from secousti.errors import SecoustiError

HOST, PORT = "127.0.0.1", 8765
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/=]{16,256}")


@dataclass(frozen=True)
class Limits:
    """What a client may use; every limit is told in ``/v1/models`` and ``ready``.

    Attributes:
        message_bytes: one WebSocket message.
        session_seconds: sound in one session.
        start_seconds: from the connection to ``start``.
        request_seconds: for the head of an HTTP request; body_seconds: for its body.
        connections: of one address at a time.
        idle_seconds: without any sound or token, or with nobody reading what is sent.
        input_seconds: sound that may wait to be computed before the server reads on.
        output_bytes: results that may wait to be read before the server computes on.
        gap_tokens: tokens that a ``decode`` client may leave out at once.
        voice_bytes, voice_seconds: a reference recording.
        result_seconds: sound of a session whose result is kept; result_expires: how long, in
            seconds; results_bytes: all of them together.
    """

    message_bytes: int = 1 << 18
    session_seconds: float = 3600.0
    start_seconds: float = 10.0
    request_seconds: float = 10.0
    body_seconds: float = 60.0
    connections: int = 64
    idle_seconds: float = 30.0
    input_seconds: float = 4.0
    output_bytes: int = 1 << 20
    gap_tokens: int = 256
    voice_bytes: int = 1 << 23
    voice_seconds: float = 30.0
    result_seconds: float = 600.0
    result_expires: float = 600.0
    results_bytes: int = 1 << 28


@dataclass(frozen=True)
class ServeOptions:
    """A server.

    Attributes:
        models: names of models, the default first; empty: every bundled one.
        device: where to compute; workers: threads that step sessions, one core each.
        max_sessions: at once; max_load: refuse a session that would need more of the workers'
            time than this share.
        latency_budget: seconds from the end of a token to its sound; waiting for others to join
            a batch never uses more than a part of it.
        batching: step the sessions that are ready together (off: for comparison only).
        allow_origins: of browser pages, besides the server's own (``https://example.org``).
        allow_hosts: names under which the server may be addressed, besides localhost and
            numerical addresses (a foreign name is what DNS rebinding comes with).
        token: what clients must show; needed to listen beyond this machine.

    Raises:
        SecoustiError: a number that is not positive, or a token that is easily guessed.
    """

    models: tuple[str, ...] = ()
    device: str = "cpu"
    workers: int = 1
    max_sessions: int = 32
    max_load: float = 0.85
    latency_budget: float = 0.05
    batching: bool = True
    allow_origins: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    token: str | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        numbers = {
            "workers": self.workers,
            "max_sessions": self.max_sessions,
            "max_load": self.max_load,
            "latency_budget": self.latency_budget,
            **vars(self.limits),
        }
        for name, value in numbers.items():
            if value <= 0:
                raise SecoustiError(f"{name} must be above 0, not {value}")
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise SecoustiError(
                "a token has 16 to 256 letters, digits and -._~+/= signs: "
                "'openssl rand -hex 24' makes one"
            )
