"""HTTP connections that must not wait for ever: what uvicorn leaves open to slow clients.

uvicorn bounds an idle connection only after its first response. A client that sends half a
request, or none, would hold its place until it leaves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_PROXIES = ("127.0.0.1", "::1")  # uvicorn believes these what address they speak for


def limited_protocol(request_seconds: float, connections: int) -> type[asyncio.Protocol]:
    """uvicorn's protocol with a time for the head of each request and a bound per address.

    Args:
        request_seconds: from the connection, or from a request's first byte, to its last header.
        connections: of one address at a time, sessions not counted (they are counted where it is
            known for whom a proxy speaks). Proxies on this machine are not bounded.
    """
    open_connections: Counter[str] = Counter()

    class LimitedProtocol(AutoHTTPProtocol):  # type: ignore[valid-type,misc]
        _deadline: asyncio.TimerHandle | None = None
        _counted: str | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            address = self.client[0] if self.client else ""
            self._counted = address
            open_connections[address] += 1
            if open_connections[address] > connections and address not in _PROXIES:
                transport.abort()
                return
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.transport.get_protocol() is not self:  # it has become a WebSocket
                self._rest()
                self._leave()
            elif self._waits_for_a_head():
                self._watch()
            else:
                self._rest()

        def connection_lost(self, exc: Exception | None) -> None:
            self._rest()
            self._leave()
            super().connection_lost(exc)

        def _waits_for_a_head(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _watch(self) -> None:
            if self._deadline is None:
                self._deadline = self.loop.call_later(request_seconds, self.transport.abort)

        def _rest(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _leave(self) -> None:
            if self._counted is not None:
                open_connections[self._counted] -= 1
                if not open_connections[self._counted]:
                    del open_connections[self._counted]
                self._counted = None

    return LimitedProtocol
