"""One session of ``secousti serve`` for asyncio."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError, require
from secousti.serve.events import Event, Format
from secousti.serve.packets import voice_packet

# A pong would wait behind a file that the server has not read yet: it is no sign of life.
_CONNECTION: dict[str, Any] = {"max_size": None, "open_timeout": 60, "ping_interval": None}


class Closed(SecoustiError):
    """The server has ended the session; it may have said why."""


class AsyncStream:
    """One session for asyncio: ``async with``, ``await send``, ``async for event in stream``.

    Send and listen in tasks of their own: who only sends is stopped when the server's results
    wait to be read.

    Args:
        url: of the server, ``http://127.0.0.1:8765``.
        token: that the server asks for, if it does.
        start: the fields of the message ``start`` (docs/serving.md).

    Raises:
        ServerError: the server refuses the session; also while listening, when it ends one.
        SecoustiError: no server there; the connection broke, or is closed when something is sent.
    """

    def __init__(self, url: str, *, token: str | None = None, **start: Any) -> None:
        self.url = url.rstrip("/")
        self._headers = authorization(token)
        self._start = _start(start)
        self._format = Format()
        self._stack = contextlib.AsyncExitStack()
        self._socket: Any = None

    @property
    def ready(self) -> dict[str, Any]:
        """The server's answer to ``start``."""
        return self._format.ready

    async def __aenter__(self) -> AsyncStream:
        client = require("websockets.asyncio.client", "demo")
        exceptions = require("websockets.exceptions", "demo")
        connection = client.connect(
            _socket_url(self.url), additional_headers=self._headers, **_CONNECTION
        )
        try:
            self._socket = await self._stack.enter_async_context(connection)
        except (OSError, exceptions.InvalidHandshake) as error:
            raise SecoustiError(f"no session could be had from {self.url}: {error}") from error
        try:
            with _in_words("the connection broke: {error}"):
                await self._socket.send(self._start)
                self._format.begin(await self._socket.recv())
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def send(self, samples: NDArray[Any]) -> None:
        """Samples [N] in [-1, 1] at the input rate."""
        for message in self._format.audio(samples):
            await self._say(message)

    async def send_tokens(self, codes: NDArray[Any], lost: NDArray[np.bool_] | None = None) -> None:
        """Tokens [L] for a ``decode`` session, and which of them were lost."""
        await self._say(self._format.tokens(codes, lost))

    async def send_voice(self, codes: NDArray[np.int8]) -> None:
        """A voice [64] for the tokens from here on."""
        await self._say(voice_packet(codes, self._format.position))

    async def set(self, **changes: Any) -> None:
        """The message ``set``: ``loss``, ``burst``, ``seed``, ``concealment``, ``voice``."""
        await self._say(json.dumps({"type": "set", **changes}))

    async def end(self) -> None:
        """That was all."""
        await self._say(json.dumps({"type": "end"}))

    async def _say(self, message: str | bytes) -> None:
        with _in_words("the server has closed the session"):
            await self._socket.send(message)

    async def __aiter__(self) -> AsyncIterator[Event]:
        with _in_words("the connection broke: {error}"):
            async for data in self._socket:
                yield self._format.event(data)


def authorization(token: str | None) -> dict[str, str]:
    """The header that shows ``token``."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


@contextlib.contextmanager
def _in_words(sentence: str) -> Iterator[None]:
    exceptions = require("websockets.exceptions", "demo")
    try:
        yield
    except exceptions.ConnectionClosed as error:
        raise Closed(sentence.format(error=error)) from error


def _start(fields: Mapping[str, Any]) -> str:
    return json.dumps({"type": "start", **{k: v for k, v in fields.items() if v is not None}})


def _socket_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{'wss' if scheme in ('https', 'wss') else 'ws'}://{rest}/v1/stream"
