"""Connections that say what no honest client does.

Plain ones are ``websockets``' blocking client with patience for a busy machine. It reads and
writes in two threads, for which OpenSSL's connections are not made: encrypted ones are
``over_tls``, in the one thread of an event loop.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from websockets.asyncio import client as aio
from websockets.sync import client as blocking

from secousti.serve.loop import LoopThread

PATIENCE = 120.0  # seconds
Value = TypeVar("Value")


def connect(url: str, **options: Any) -> blocking.ClientConnection:
    """A connection to ``ws://``."""
    assert url.startswith("ws://")
    return blocking.connect(url, **{"open_timeout": PATIENCE, **options})


def over_tls(talk: Callable[..., Awaitable[Value]], trust: ssl.SSLContext) -> Value:
    """Run ``talk(connect)``, where ``connect(url)`` is a connection to ``wss://``."""

    def connect_tls(url: str) -> aio.connect:
        return aio.connect(url, ssl=trust, open_timeout=PATIENCE)

    async def conversation() -> Value:
        return await talk(connect_tls)

    with event_loop() as loop:
        return loop.run(conversation())


@contextmanager
def event_loop() -> Iterator[LoopThread]:
    """A loop in a thread of its own: browser tests leave one in the tests' thread."""
    loop = LoopThread()
    try:
        yield loop
    finally:
        loop.close()
