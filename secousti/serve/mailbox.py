"""Two bounded queues between a connection's tasks and the thread that computes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

Message = bytes | dict[str, Any]

_MESSAGE_BYTES = 256  # what a text message counts as
_MOST_ITEMS = 1024  # waiting messages without any sound are bounded too


class Inbox:
    """What a client has sent and nobody has looked at: items that weigh seconds of sound."""

    def __init__(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._limit = seconds
        self._loop = loop
        self._lock = threading.Lock()
        self._items: deque[tuple[Any, float]] = deque()
        self._seconds = 0.0
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, item: Any, seconds: float) -> None:
        """Add an item as soon as there is room."""
        await self._room.wait()
        with self._lock:
            self._items.append((item, seconds))
            self._seconds += seconds
            if self._full():
                self._room.clear()

    def take(self) -> Any | None:
        """The next item; ``None`` if there is none. From any thread."""
        with self._lock:
            if not self._items:
                return None
            was_full = self._full()
            item, seconds = self._items.popleft()
            self._seconds -= seconds
            room = was_full and not self._full()
        if room:
            _call(self._loop, self._room.set)
        return item

    def clear(self) -> None:
        """Forget everything, and let whoever waits go on."""
        with self._lock:
            self._items.clear()
            self._seconds = 0.0
        _call(self._loop, self._room.set)

    def __len__(self) -> int:
        return len(self._items)

    def _full(self) -> bool:
        return self._seconds >= self._limit or len(self._items) >= _MOST_ITEMS


class Outbox:
    """Results on their way to a client."""

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self._limit = size
        self._loop = loop
        self._lock = threading.Lock()
        self._items: deque[Message] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether the client should read before more is computed for it."""
        return self._bytes >= self._limit

    def put(self, messages: list[Message]) -> None:
        """Add messages. From any thread; never waits."""
        if not messages:
            return
        with self._lock:
            self._items.extend(messages)
            self._bytes += sum(map(_weight, messages))
        _call(self._loop, self._filled.set)

    async def get(self) -> tuple[Message, bool]:
        """The next message, as soon as there is one; whether that made room in a full box."""
        while True:
            with self._lock:
                if self._items:
                    was_full = self.full
                    message = self._items.popleft()
                    self._bytes -= _weight(message)
                    return message, was_full and not self.full
                self._filled.clear()
            await self._filled.wait()


def _weight(message: Message) -> int:
    return len(message) if isinstance(message, bytes) else _MESSAGE_BYTES


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    """Call in the loop's thread; a loop that is gone has nobody waiting."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function)
