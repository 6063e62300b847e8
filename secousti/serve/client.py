"""A client of ``secousti serve``, for programs with and without asyncio.

It needs neither torch nor the server's packages: numpy and ``websockets``.
"""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError, require
from secousti.serve.packets import (
    AUDIO,
    MEL,
    OUTPUT,
    TOKENS,
    VOICE,
    Packet,
    audio_packet,
    audio_samples,
    packet_tokens,
    parse_packet,
    tokens_packet,
    voice_packet,
)

Sound = NDArray[np.float32]
_BLOCK = 4096  # samples in a message
# A pong would wait behind a file that the server has not read yet: it is no sign of life.
_CONNECTION: dict[str, Any] = {"max_size": None, "open_timeout": 10, "ping_interval": None}


class ServerError(SecoustiError):
    """What the server said before it closed the connection: ``code``, and its sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Audio:
    """Samples float32 [N] from sample ``position`` on."""

    position: int
    samples: Sound


@dataclass(frozen=True)
class Tokens:
    """Tokens int64 [L] from number ``position`` on, and bool [L] which of them were lost."""

    position: int
    codes: NDArray[np.int64]
    lost: NDArray[np.bool_]


@dataclass(frozen=True)
class Voice:
    """A voice int8 [64] for the tokens from ``position`` on."""

    position: int
    codes: NDArray[np.int8]


@dataclass(frozen=True)
class Mel:
    """Columns uint8 [T, n_mels] of the input's or the output's log-mel."""

    position: int
    columns: NDArray[np.uint8]
    output: bool


Event = Audio | Tokens | Voice | Mel | dict[str, Any]


@dataclass
class _Format:
    """What both kinds of session need to know to read and write messages."""

    ready: dict[str, Any] = field(default_factory=dict)
    position: int = 0

    def begin(self, text: str | bytes) -> None:
        message = _checked(text)
        if message.get("type") != "ready":
            raise SecoustiError("the server did not answer as secousti serve does")
        self.ready = message

    def audio(self, samples: NDArray[Any]) -> Iterator[bytes]:
        """Samples [N] as messages."""
        sound = np.asarray(samples, np.float32).reshape(-1)
        for start in range(0, len(sound), _BLOCK):
            block = sound[start : start + _BLOCK]
            yield audio_packet(block, self.position, self.ready["input"]["format"])
            self.position += len(block)

    def tokens(self, codes: NDArray[Any], lost: NDArray[np.bool_] | None) -> bytes:
        codes = np.asarray(codes, np.int64).reshape(-1)
        size = self.ready["model"]["codebook_size"]
        message = tokens_packet(codes, self.position, size, lost)
        self.position += len(codes)
        return message

    def event(self, data: str | bytes) -> Event:
        if isinstance(data, str):
            return _checked(data)
        packet = parse_packet(data)
        if packet.kind == AUDIO:
            return Audio(packet.position, audio_samples(packet, self.ready["output"]["format"]))
        if packet.kind == TOKENS:
            size = self.ready["model"]["codebook_size"]
            return Tokens(packet.position, *packet_tokens(packet, size))
        if packet.kind == VOICE:
            return Voice(packet.position, np.frombuffer(packet.body, np.int8))
        return _mel(packet)


def _mel(packet: Packet) -> Mel:
    assert packet.kind == MEL
    columns = np.frombuffer(packet.body, np.uint8).reshape(packet.count, -1)
    return Mel(packet.position, columns, packet.flags == OUTPUT)


def _checked(text: str | bytes) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(text)
    if message.get("type") == "error":
        raise ServerError(message["code"], message["message"])
    return message


def _start(fields: Mapping[str, Any]) -> str:
    return json.dumps({"type": "start", **{k: v for k, v in fields.items() if v is not None}})


def pcm(rate: int, fmt: str = "s16le") -> dict[str, Any]:
    """The ``input`` or ``output`` of a session."""
    return {"format": fmt, "rate": rate}


class Stream:
    """One session, as a context manager.

    ``send`` and ``end`` speak, ``events`` and iteration listen; a thread reads meanwhile, so that
    nothing needs to be awaited.

    Args:
        url: of the server, ``http://127.0.0.1:8765``.
        token: that the server asks for, if it does.
        start: the fields of the message ``start`` (docs/serving.md).

    Raises:
        ServerError: the server refuses the session; also from ``events`` when it ends one.
        SecoustiError: no server there.
    """

    def __init__(self, url: str, *, token: str | None = None, **start: Any) -> None:
        client = require("websockets.sync.client", "demo")
        exceptions = require("websockets.exceptions", "demo")
        self.url = url.rstrip("/")
        self._format = _Format()
        self._events: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()
        self._over = False
        self._stack = contextlib.ExitStack()
        try:
            self._socket = self._stack.enter_context(
                client.connect(_socket_url(self.url), **_CONNECTION, **_headers(token))
            )
        except (OSError, exceptions.InvalidHandshake) as error:
            raise SecoustiError(f"no session could be had from {url}: {error}") from error
        try:
            self._socket.send(_start(start))
            self._format.begin(self._socket.recv())
        except BaseException:
            self._stack.close()
            raise
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def ready(self) -> dict[str, Any]:
        """The server's answer to ``start``."""
        return self._format.ready

    def send(self, samples: NDArray[Any]) -> None:
        """Samples [N] in [-1, 1] at the input rate; waits while the server is behind."""
        for message in self._format.audio(samples):
            self._say(message)

    def send_tokens(self, codes: NDArray[Any], lost: NDArray[np.bool_] | None = None) -> None:
        """Tokens [L] for a ``decode`` session, and which of them were lost."""
        self._say(self._format.tokens(codes, lost))

    def send_voice(self, codes: NDArray[np.int8]) -> None:
        """A voice [64] for the tokens from here on."""
        self._say(voice_packet(codes, self._format.position))

    def set(self, **changes: Any) -> None:
        """The message ``set``: ``loss``, ``burst``, ``seed``, ``concealment``, ``voice``."""
        self._say(json.dumps({"type": "set", **changes}))

    def end(self) -> None:
        """That was all."""
        self._say(json.dumps({"type": "end"}))

    def events(self) -> Iterator[Event]:
        """What has come so far, without waiting."""
        while not self._events.empty():
            event = self._next()
            if event is None:
                return
            yield event

    def __iter__(self) -> Iterator[Event]:
        """Everything until the server closes the session."""
        while (event := self._next()) is not None:
            yield event

    def _next(self) -> Event | None:
        event = None if self._over else self._events.get()
        if event is None or isinstance(event, BaseException):
            self._over = True
        if isinstance(event, BaseException):
            raise event
        return event

    def _say(self, message: str | bytes) -> None:
        exceptions = require("websockets.exceptions", "demo")
        try:
            self._socket.send(message)
        except exceptions.ConnectionClosed as error:
            for _ in self:  # what the server said is the better reason
                pass
            raise SecoustiError("the server has closed the session") from error

    def _read(self) -> None:
        exceptions = require("websockets.exceptions", "demo")
        try:
            for data in self._socket:
                self._events.put(self._format.event(data))
            self._events.put(None)
        except exceptions.ConnectionClosed as error:
            self._events.put(SecoustiError(f"the connection broke: {error}"))
        except BaseException as error:
            self._events.put(error)

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        self._reader.join()


class AsyncStream:
    """One session for asyncio: ``async with``, ``await send``, ``async for event in stream``.

    Send and listen in tasks of their own: who only sends is stopped when the server's results
    wait to be read.

    Args, Raises: as ``Stream``.
    """

    def __init__(self, url: str, *, token: str | None = None, **start: Any) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._start = _start(start)
        self._format = _Format()
        self._stack = contextlib.AsyncExitStack()
        self._socket: Any = None

    @property
    def ready(self) -> dict[str, Any]:
        """The server's answer to ``start``."""
        return self._format.ready

    async def __aenter__(self) -> AsyncStream:
        client = require("websockets.asyncio.client", "demo")
        exceptions = require("websockets.exceptions", "demo")
        connection = client.connect(_socket_url(self.url), **_CONNECTION, **_headers(self._token))
        try:
            self._socket = await self._stack.enter_async_context(connection)
        except (OSError, exceptions.InvalidHandshake) as error:
            raise SecoustiError(f"no session could be had from {self.url}: {error}") from error
        try:
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
            await self._socket.send(message)

    async def send_tokens(self, codes: NDArray[Any], lost: NDArray[np.bool_] | None = None) -> None:
        """Tokens [L] for a ``decode`` session, and which of them were lost."""
        await self._socket.send(self._format.tokens(codes, lost))

    async def send_voice(self, codes: NDArray[np.int8]) -> None:
        """A voice [64] for the tokens from here on."""
        await self._socket.send(voice_packet(codes, self._format.position))

    async def set(self, **changes: Any) -> None:
        """The message ``set``: ``loss``, ``burst``, ``seed``, ``concealment``, ``voice``."""
        await self._socket.send(json.dumps({"type": "set", **changes}))

    async def end(self) -> None:
        """That was all."""
        await self._socket.send(json.dumps({"type": "end"}))

    async def __aiter__(self) -> AsyncIterator[Event]:
        async for data in self._socket:
            yield self._format.event(data)


def download(url: str, path: str, *, token: str | None = None) -> bytes:
    """A result: ``path`` is ``sct`` or ``wav`` of the ``result`` in ``done``.

    Raises:
        ServerError: it is not there, or not any more.
    """
    return _fetch(urllib.request.Request(url.rstrip("/") + path), token)


def voice(
    url: str, recording: str | Path, model: str | None = None, *, token: str | None = None
) -> str:
    """The voice of a recording, in base64, for ``start`` and ``set``.

    Raises:
        ServerError: no recording, too long, or no such model.
    """
    query = "" if model is None else "?" + urllib.parse.urlencode({"model": model})
    data = Path(recording).read_bytes()
    request = urllib.request.Request(f"{url.rstrip('/')}/v1/voices{query}", data)
    request.add_header("Content-Type", "application/octet-stream")
    answer: str = json.loads(_fetch(request, token))["voice"]
    return answer


def voice_vector(text: str) -> NDArray[np.int8]:
    """base64 of a voice -> int8 [64]."""
    return np.frombuffer(base64.b64decode(text), np.int8)


def _authorization(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _headers(token: str | None) -> dict[str, Any]:
    return {"additional_headers": _authorization(token)}


def _fetch(request: urllib.request.Request, token: str | None) -> bytes:
    request.headers.update(_authorization(token))
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            data: bytes = answer.read()
            return data
    except urllib.error.HTTPError as error:
        fields = json.loads(error.read())["error"]
        raise ServerError(fields["code"], fields["message"]) from error
    except OSError as error:
        raise SecoustiError(f"{request.full_url} cannot be reached: {error}") from error


def _socket_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{'wss' if scheme in ('https', 'wss') else 'ws'}://{rest}/v1/stream"
