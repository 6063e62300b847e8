"""Running the application with uvicorn, in the foreground or beside other work."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType

import uvicorn
from fastapi import FastAPI

from secousti.errors import SecoustiError
from secousti.serve.options import HOST, PORT

_HEAD_ROOM = 1024  # bytes above our own limit, so that our own message names it
_START_SECONDS = 30.0


def _server(
    app: FastAPI, host: str, port: int, log_level: str
) -> tuple[uvicorn.Server, socket.socket]:
    """A server and the socket it shall listen on.

    Raises:
        SecoustiError: the address cannot be had.
    """
    options = app.state.hub.options
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        ws_max_size=options.limits.message_bytes + _HEAD_ROOM,
        # A file sent at once keeps pongs waiting behind it; idle sessions end by their own limit.
        ws_ping_interval=None,
        limit_concurrency=8 * options.max_sessions + 32,
        timeout_graceful_shutdown=2,
        access_log=False,
        server_header=False,
        log_level=log_level,
    )
    listening = _bind(host, port)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # The kernel drops whoever neither reads nor leaves; uvicorn would wait for ever.
        patience = int(2000 * options.limits.idle_seconds)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)
    return uvicorn.Server(config), listening


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SecoustiError(
            f"the server cannot listen on {host}:{port} ({reason}): choose another --port or --host"
        ) from error


def run(app: FastAPI, host: str = HOST, port: int = PORT) -> None:
    """Serve until interrupted."""
    server, listening = _server(app, host, port, "info")
    server.run(sockets=[listening])


class Background:
    """A server in a thread, for as long as the block lasts; ``port`` 0 takes a free one.

    Raises:
        SecoustiError: it did not start.
    """

    def __init__(self, app: FastAPI, host: str = HOST, port: int = 0) -> None:
        self._server, listening = _server(app, host, port, "warning")
        self._host = host
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self.port: int = listening.getsockname()[1]

    @property
    def url(self) -> str:
        """``http://host:port``."""
        return f"http://{self._host}:{self.port}"

    def __enter__(self) -> Background:
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise SecoustiError(f"the server did not start on {self._host}:{self.port}")
            time.sleep(0.01)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
