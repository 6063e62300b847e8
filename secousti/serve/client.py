"""A client of ``secousti serve``, for programs with and without asyncio.

It needs neither torch nor the server's packages: numpy and ``websockets``.
"""

from __future__ import annotations

import base64
import json
import queue
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError
from secousti.serve.connection import AsyncStream, Closed, authorization
from secousti.serve.events import (
    Audio,
    Event,
    Format,
    Mel,
    ServerError,
    Sound,
    Tokens,
    Voice,
    pcm,
)
from secousti.serve.loop import LoopThread

__all__ = [
    "AsyncStream",
    "Audio",
    "Event",
    "Mel",
    "ServerError",
    "Sound",
    "Stream",
    "Tokens",
    "Voice",
    "download",
    "pcm",
    "voice",
    "voice_vector",
]


class Stream:
    """One session, as a context manager.

    ``send`` and ``end`` speak, ``events`` and iteration listen; a thread reads meanwhile, so that
    nothing needs to be awaited. That thread has the connection to itself: an encrypted one may
    not be used by two.

    Args:
        url: of the server, ``http://127.0.0.1:8765``.
        token: that the server asks for, if it does.
        start: the fields of the message ``start`` (docs/serving.md).

    Raises:
        ServerError: the server refuses the session; also from ``events`` when it ends one.
        SecoustiError: no server there.
    """

    def __init__(self, url: str, *, token: str | None = None, **start: Any) -> None:
        self._session = AsyncStream(url, token=token, **start)
        self.url = self._session.url
        self._events: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()
        self._over = False
        self._loop = LoopThread()
        try:
            self._loop.run(self._session.__aenter__())
        except BaseException:
            self._loop.close()
            raise
        self._reader = self._loop.start(self._read())

    @property
    def ready(self) -> dict[str, Any]:
        """The server's answer to ``start``."""
        return self._session.ready

    @property
    def _format(self) -> Format:
        return self._session._format

    def send(self, samples: NDArray[Any]) -> None:
        """Samples [N] in [-1, 1] at the input rate; waits while the server is behind."""
        self._say(self._session.send(samples))

    def send_tokens(self, codes: NDArray[Any], lost: NDArray[np.bool_] | None = None) -> None:
        """Tokens [L] for a ``decode`` session, and which of them were lost."""
        self._say(self._session.send_tokens(codes, lost))

    def send_voice(self, codes: NDArray[np.int8]) -> None:
        """A voice [64] for the tokens from here on."""
        self._say(self._session.send_voice(codes))

    def set(self, **changes: Any) -> None:
        """The message ``set``: ``loss``, ``burst``, ``seed``, ``concealment``, ``voice``."""
        self._say(self._session.set(**changes))

    def end(self) -> None:
        """That was all."""
        self._say(self._session.end())

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

    def _say(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            self._loop.run(work)
        except Closed:
            for _ in self:  # what the server said is the better reason
                pass
            raise

    async def _read(self) -> None:
        try:
            async for event in self._session:
                self._events.put(event)
            self._events.put(None)
        except BaseException as error:
            self._events.put(error)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._loop.run(self._session.__aexit__())
            self._reader.result()
        finally:
            self._loop.close()


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


def _fetch(request: urllib.request.Request, token: str | None) -> bytes:
    request.headers.update(authorization(token))
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            data: bytes = answer.read()
            return data
    except urllib.error.HTTPError as error:
        fields = json.loads(error.read())["error"]
        raise ServerError(fields["code"], fields["message"]) from error
    except OSError as error:
        raise SecoustiError(f"{request.full_url} cannot be reached: {error}") from error
