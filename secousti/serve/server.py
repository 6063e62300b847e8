"""Running the application with uvicorn, in the foreground or beside other work."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import re
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from secousti.errors import SecoustiError
from secousti.serve.options import HOST, PORT
from secousti.serve.protocol import limited_protocol

_HEAD_ROOM = 1024  # bytes above our own limit, so that our own message names it
_START_SECONDS = 120.0
_SHOWN_TOKEN = re.compile(r"(\btoken=)[^&\s\"]+")


@dataclass(frozen=True)
class Tls:
    """PEM files of a certificate (with its chain) and of its private key."""

    certificate: Path
    key: Path


def _server(
    app: FastAPI, host: str, port: int, log_level: str, tls: Tls | None = None
) -> tuple[uvicorn.Server, socket.socket]:
    """A server and the socket it shall listen on.

    Raises:
        SecoustiError: the address cannot be had, or lets others in without a token; TLS files
            that are none.
    """
    options = app.state.hub.options
    if options.token is None and not _is_loopback(host):
        raise SecoustiError(
            f"{host} lets other machines in: give the server a token (--token, or SECOUSTI_TOKEN "
            "in its environment), or listen on 127.0.0.1 behind a proxy that checks who comes"
        )
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=limited_protocol(options.limits.request_seconds, options.limits.connections),
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else str(tls.key),
        ws_max_size=options.limits.message_bytes + _HEAD_ROOM,
        # A file sent at once keeps pongs waiting behind it; idle sessions end by their own limit.
        ws_ping_interval=None,
        limit_concurrency=8 * options.max_sessions + 32,
        timeout_graceful_shutdown=2,
        access_log=False,
        server_header=False,
        log_level=log_level,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise SecoustiError(f"the TLS certificate or key cannot be used: {error}") from error
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


class _WithoutTokens(logging.Filter):
    """uvicorn logs the addresses of sessions, in which browsers show their token."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _SHOWN_TOKEN.sub(r"\1...", record.getMessage())
        record.args = ()
        return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run(app: FastAPI, host: str = HOST, port: int = PORT, tls: Tls | None = None) -> None:
    """Serve until interrupted.

    Raises:
        SecoustiError: as ``Background``, and TLS files that are none.
    """
    server, listening = _server(app, host, port, "info", tls)
    logging.getLogger("uvicorn.error").addFilter(_WithoutTokens())
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again once it has ended
        server.run(sockets=[listening])


class Background:
    """A server in a thread, for as long as the block lasts; ``port`` 0 takes a free one.

    Raises:
        SecoustiError: the address cannot be had, or lets others in without a token; it did not
            start; TLS files that are none.
    """

    def __init__(
        self, app: FastAPI, host: str = HOST, port: int = 0, tls: Tls | None = None
    ) -> None:
        self._server, listening = _server(app, host, port, "warning", tls)
        self._scheme = "http" if tls is None else "https"
        self._host = host
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self.port: int = listening.getsockname()[1]

    @property
    def url(self) -> str:
        """``http://host:port``, or ``https://`` with a certificate."""
        return f"{self._scheme}://{self._host}:{self.port}"

    def __enter__(self) -> Background:
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise SecoustiError(f"the server did not start on {self._host}:{self.port}")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
