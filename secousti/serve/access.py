"""Access control: ``Host``, ``Origin``, the token and connections per address, before all else.

A page on the web can make a visitor's browser talk to a server on the visitor's own machine. Such
requests name another ``Origin``; and if the page's name has been rebound to 127.0.0.1 they name
that page as ``Host``. Both are refused.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections import Counter
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from secousti.serve.errors import Refused

_OPEN = ("/healthz",)  # what a load balancer asks without a token


class AccessControl:
    """ASGI middleware.

    Args:
        hosts: names beside localhost and numerical addresses; ``*`` for any.
        origins: of pages beside the server's own, as browsers write them; ``*`` for any.
        token: what a client must show, as ``Authorization: Bearer TOKEN`` or, where a browser
            cannot send headers, as ``?token=TOKEN``; ``None`` for no token.
        connections: requests and sessions of one address at a time.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str],
        origins: Iterable[str],
        token: str | None,
        connections: int,
    ) -> None:
        self.app = app
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._origins = {origin.lower().rstrip("/") for origin in origins}
        self._token = None if token is None else token.encode()
        self._most = connections
        self._open: Counter[str] = Counter()  # connections by address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        self._open[address] += 1
        try:
            refused = self._refusal(scope, address)
            if refused is None:
                await self.app(scope, receive, send)
            else:
                await _refuse(scope, receive, send, refused)
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def _refusal(self, scope: Scope, address: str) -> Refused | None:
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        reason = self._stranger(headers.get("host", ""), headers.get("origin"))
        if reason is not None:
            return Refused("forbidden", reason)
        if self._open[address] > self._most:
            return Refused("overloaded", f"one address has at most {self._most} connections")
        if self._token is None or scope["path"] in _OPEN:
            return None
        if hmac.compare_digest(_shown(headers, scope["query_string"]), self._token):
            return None
        return Refused("unauthorized", "this server asks for its token (docs/serving.md, Access)")

    def _stranger(self, host: str, origin: str | None) -> str | None:
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


def _shown(headers: dict[str, str], query: bytes) -> bytes:
    """The token of a request; nothing if it shows none."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip().encode("latin-1")
    try:
        values = parse_qs(query.decode("latin-1"), max_num_fields=16).get("token", [])
    except ValueError:
        return b""
    return values[0].encode() if values else b""


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
    if error.code == "unauthorized":
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
