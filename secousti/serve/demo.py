"""``secousti demo`` as a function: a server for this machine with the page on it."""

from __future__ import annotations

import contextlib
import socket
import threading
import webbrowser
from collections.abc import Callable, Sequence

import torch

from secousti.errors import SecoustiError, require
from secousti.serve.options import HOST, ServeOptions


def demo(
    *,
    models: Sequence[str] = (),
    port: int = 0,
    device: str = "cpu",
    open_browser: bool = True,
    announce: Callable[[str], object] = print,
) -> None:
    """Serve the page on the loopback interface until Ctrl-C.

    Args:
        models: the codecs to choose from, the default first; every bundled one if empty.
        port: of the page; 0 takes a free one.
        announce: gets the line with the address once the page can be opened.

    Raises:
        SecoustiError: the extra is missing, the port is taken, or a model cannot be served.
    """
    for module in ("fastapi", "uvicorn", "websockets", "prometheus_client"):
        require(module, "demo")
    _check_port(port)
    from secousti.serve.app import create_app
    from secousti.serve.page import mount_page
    from secousti.serve.server import Background

    torch.set_num_threads(1)
    app = mount_page(create_app(ServeOptions(models=tuple(models), device=device)))
    with Background(app, HOST, port) as server:
        url = f"{server.url}/"
        announce(f"secousti demo: {url} (Ctrl-C ends it)")
        if open_browser and not webbrowser.open(url):
            announce("No browser could be opened here: open that address yourself.")
        _until_interrupted()


def _check_port(port: int) -> None:
    """Say so before the models are loaded."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise SecoustiError(
                f"port {port} is taken: choose another with --port, or none to get a free one"
            ) from error


def _until_interrupted() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
