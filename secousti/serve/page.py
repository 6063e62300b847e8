"""The page of ``secousti demo``: files of this package, served beside the sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

FOLDER = Path(__file__).with_name("page")

# The page loads nothing but itself and speaks to nobody but its server.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; media-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # a newer secousti shows its own page
}

# A system's own table may call JavaScript plain text, and then a browser refuses it.
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".flac": "audio/flac",
}


class PageFiles(StaticFiles):
    """The files with headers that keep the page to itself."""

    def file_response(self, full_path: Any, *args: Any, **kwargs: Any) -> Response:
        """One file, or "not modified"."""
        response = super().file_response(full_path, *args, **kwargs)
        response.headers.update(HEADERS)
        known = TYPES.get(Path(full_path).suffix)
        if known is not None:
            response.headers["Content-Type"] = known
        return response


def mount_page(app: FastAPI) -> FastAPI:
    """Put the page at ``/`` of a server; its other routes keep their places."""
    app.mount("/", PageFiles(directory=FOLDER, html=True), name="page")
    return app
