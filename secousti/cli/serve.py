"""``secousti serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secousti.cli.options import Device, ServedModels
from secousti.serve.options import HOST, PORT, ServeOptions

_DEFAULTS = ServeOptions()


def serve(
    model: ServedModels = None,
    host: Annotated[
        str,
        typer.Option("--host", help="Address to listen on; 0.0.0.0 lets other machines in."),
    ] = HOST,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = (
        PORT
    ),
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Threads that compute, a processor core each.")
    ] = _DEFAULTS.workers,
    max_sessions: Annotated[
        int, typer.Option("--max-sessions", min=1, help="At once; more are refused.")
    ] = _DEFAULTS.max_sessions,
    max_load: Annotated[
        float,
        typer.Option(
            "--max-load",
            min=0.01,
            help="Refuse a session that would need more of the workers' time than this share.",
        ),
    ] = _DEFAULTS.max_load,
    session_seconds: Annotated[
        float, typer.Option("--session-seconds", min=1, help="Sound in one session at most.")
    ] = _DEFAULTS.limits.session_seconds,
    idle_seconds: Annotated[
        float, typer.Option("--idle-seconds", min=1, help="Without sound until a session ends.")
    ] = _DEFAULTS.limits.idle_seconds,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin",
            metavar="ORIGIN",
            help="Let pages of this origin (https://example.org) use the server; repeatable.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME", help="A name under which it is reached; repeatable."
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar="SECOUSTI_TOKEN",
            show_envvar=True,
            help="What clients must show; needed to listen beyond this machine.",
        ),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="TLS certificate with its chain (PEM).")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its private key (PEM).")] = None,
    device: Device = "cpu",
) -> None:
    """Streaming sessions for applications: PCM or tokens over WebSocket, PCM or tokens back.

    Every bundled model, for programs on this machine only:

      secousti serve

    One model on both cores of a machine that others reach as speech.example.org:

      export SECOUSTI_TOKEN=$(openssl rand -hex 24)

      secousti serve -m mini-21hz --workers 2 --host 0.0.0.0 --allow-host speech.example.org

    What it is doing, and whether it takes more sessions:

      curl http://127.0.0.1:8765/metrics

      curl http://127.0.0.1:8765/healthz

    The wire format and a Python client are in docs/serving.md.
    """
    from dataclasses import replace

    from secousti.errors import SecoustiError, require

    for module in ("fastapi", "uvicorn", "websockets", "prometheus_client"):
        require(module, "demo")
    from secousti.serve.app import create_app
    from secousti.serve.server import Tls, run

    if (certificate is None) != (key is None):
        raise SecoustiError("TLS needs both --certificate and --key")
    tls = None if certificate is None or key is None else Tls(certificate, key)
    limits = replace(_DEFAULTS.limits, session_seconds=session_seconds, idle_seconds=idle_seconds)
    options = ServeOptions(
        models=tuple(model or ()),
        device=device,
        workers=workers,
        max_sessions=max_sessions,
        max_load=max_load,
        allow_origins=tuple(allow_origin or ()),
        allow_hosts=tuple(allow_host or ()),
        token=token,
        limits=limits,
    )
    scheme = "http" if tls is None else "https"
    typer.echo(
        f"secousti serve: loading; then at {scheme}://{host}:{port} (Ctrl-C ends it)", err=True
    )
    run(create_app(options), host, port, tls)
