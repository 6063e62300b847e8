"""The application: routes and their limits."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import torch
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from secousti.memory import keep_few_heaps, keep_few_kernels
from secousti.serve.access import AccessControl
from secousti.serve.errors import Refused
from secousti.serve.hub import Hub
from secousti.serve.models import load_models
from secousti.serve.options import Limits, ServeOptions
from secousti.serve.socket import Connection
from secousti.version import __version__

_RESULT = re.compile(r"([A-Za-z0-9_-]{16,64})\.(sct|wav)")
_RETRY_SECONDS = "5"
_TYPES = {"sct": "application/octet-stream", "wav": "audio/wav"}


def create_app(options: ServeOptions | None = None) -> FastAPI:
    """The application of docs/serving.md; loads and measures its models at once.

    PyTorch is set to one thread: steps this small only lose by more, and ``workers`` use the other
    cores. ``app.state.hub`` is what its sessions belong to.

    Raises:
        SecoustiError: a model that cannot be served.
    """
    options = options or ServeOptions()
    torch.set_num_threads(1)
    keep_few_kernels()
    keep_few_heaps()
    hub = Hub(load_models(options.models, options.device), options)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        hub.stop()

    # No pages of FastAPI's own: they load scripts from elsewhere.
    app = FastAPI(title="secousti", version=__version__, lifespan=lifespan, openapi_url=None)
    app.state.hub = hub
    app.add_middleware(
        AccessControl,
        hosts=options.allow_hosts,
        origins=options.allow_origins,
        token=options.token,
        connections=options.limits.connections,
    )
    app.add_exception_handler(Refused, _explain)
    _add_information(app, hub)
    _add_sessions(app, hub)
    return app


def _add_information(app: FastAPI, hub: Hub) -> None:
    @app.get("/healthz")
    def health() -> JSONResponse:
        status = hub.status()
        return JSONResponse(status, status_code=200 if status["status"] == "ok" else 503)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(hub.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        return {
            "models": [model.description for model in hub.models],
            "default": hub.models.default,
            "limits": vars(hub.options.limits),
        }


def _add_sessions(app: FastAPI, hub: Hub) -> None:
    @app.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        await Connection(socket, hub).run()

    @app.post("/v1/voices")
    async def voices(request: Request, model: str | None = None) -> dict[str, Any]:
        data = await _body(request, hub.options.limits)
        codes, seconds = await run_in_threadpool(hub.voice, model, data)
        return {
            "voice": base64.b64encode(codes.tobytes()).decode(),
            "seconds": round(seconds, 3),
        }

    @app.get("/v1/results/{name}")
    def result(name: str) -> Response:
        match = _RESULT.fullmatch(name)
        kept = None if match is None else hub.results.get(match[1])
        data = None if kept is None or match is None else getattr(kept, match[2])
        if data is None or match is None:
            raise Refused("not_found", "there is no such result, or not any more")
        headers = {
            "Content-Disposition": f'attachment; filename="session.{match[2]}"',
            "Cache-Control": "no-store",
        }
        return Response(data, media_type=_TYPES[match[2]], headers=headers)


async def _body(request: Request, limits: Limits) -> bytes:
    """The body of a request, read no further than ``voice_bytes`` and ``body_seconds``.

    Raises:
        Refused: it has more, or takes longer.
    """
    try:
        return await asyncio.wait_for(_read(request, limits.voice_bytes), limits.body_seconds)
    except asyncio.TimeoutError:
        raise Refused("idle", "the recording took too long to arrive") from None


async def _read(request: Request, most: int) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise Refused("too_large", f"a recording has at most {most} bytes")
    return bytes(data)


async def _explain(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    headers = {"Retry-After": _RETRY_SECONDS} if error.status == 503 else None
    return JSONResponse({"error": error.as_dict()}, error.status, headers)
