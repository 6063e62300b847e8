"""Who may knock: checks of ``Host`` and ``Origin`` before anything else happens.

A page on the web can make a visitor's browser talk to a server on the visitor's own machine. Such
requests name another ``Origin``; and if the page's name has been rebound to 127.0.0.1 they name
that page as ``Host``. Both are refused.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from secousti.serve.errors import Refused


class Doors:
    """ASGI middleware.

    Args:
        hosts: names beside localhost and numerical addresses; ``*`` for any.
        origins: of pages beside the server's own, as browsers write them; ``*`` for any.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self.app = app
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
            reason = self._refusal(headers.get("host", ""), headers.get("origin"))
            if reason is not None:
                await _refuse(scope, receive, send, Refused("forbidden", reason))
                return
        await self.app(scope, receive, send)

    def _refusal(self, host: str, origin: str | None) -> str | None:
        if not self._known(host):
            return "this server is not known under that name (--allow-host)"
        if origin is None or "*" in self._origins or origin.lower() in self._origins:
            return None
        if _address(origin) != host.lower():
            return "pages of that origin may not use this server (--allow-origin)"
        return None

    def _known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if "*" in self._hosts or name.lower() in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _address(origin: str) -> str:
    """Host and port of an origin; nothing for ``null`` and the like."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


async def _refuse(scope: Scope, receive: Receive, send: Send, error: Refused) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": error.close_code})  # HTTP 403
        return
    body = json.dumps({"error": error.as_dict()}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
