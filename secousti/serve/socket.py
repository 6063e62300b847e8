"""One WebSocket connection: a task that reads, one that writes, and the session between them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from secousti.serve.errors import CODES, Refused
from secousti.serve.hub import Hub
from secousti.serve.items import AudioArrived, Ended, TokensArrived, VoiceArrived
from secousti.serve.mailbox import Message
from secousti.serve.messages import parse_change, parse_json, parse_ping, parse_start
from secousti.serve.packets import (
    AUDIO,
    TOKENS,
    VOICE,
    Packet,
    audio_samples,
    packet_tokens,
    parse_packet,
    voice_codes,
)
from secousti.serve.session import Session
from secousti.sessions.concealment import LOST

_log = logging.getLogger("secousti.serve")
_REASON_BYTES = 120  # of a close frame
_GOODBYE_SECONDS = 2.0
_GONE = (RuntimeError, OSError, WebSocketDisconnect)  # what sending to nobody raises


class Left(Exception):
    """The client is gone."""


class Connection:
    """What one client may do, from ``start`` to the end."""

    def __init__(self, socket: WebSocket, hub: Hub) -> None:
        self._socket, self._hub = socket, hub
        self._limits = hub.options.limits
        self._sending = asyncio.Lock()
        self._session: Session | None = None
        self._position = 0  # of the next sample or token
        self._seconds = 0.0  # of sound received
        self._ended = False

    async def run(self) -> None:
        """Serve the connection; returns when it is closed, whatever the client does."""
        metrics = self._hub.metrics
        metrics.connections.inc()
        try:
            await self._socket.accept()
            await self._converse()
        except Refused as error:
            metrics.refused.labels(error.code).inc()
            await self._goodbye(error)
        except (Left, WebSocketDisconnect):
            pass
        except asyncio.CancelledError:
            await self._goodbye(Refused("closing", "the server is being stopped"))
            raise
        except Exception:
            _log.exception("a connection failed")
            metrics.refused.labels("internal").inc()
            await self._goodbye(Refused("internal", "the server failed; try again"))
        finally:
            metrics.connections.dec()
            if self._session is not None:
                self._hub.close(self._session)

    # ---------------------------------------------------------------- tasks
    async def _converse(self) -> None:
        session = self._session = await self._start()
        await self._send(self._ready(session))
        reader = asyncio.ensure_future(self._read(session))
        writer = asyncio.ensure_future(self._write(session))
        try:
            done, _ = await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await writer  # the client has said all; what is owed is still written
        finally:
            await _stop(reader)
            await _stop(writer)
        with contextlib.suppress(*_GONE):
            await self._socket.close(1000)

    async def _start(self) -> Session:
        """Wait for ``start``, answering pings."""
        deadline = time.monotonic() + self._limits.start_seconds
        while True:
            message = await self._receive(deadline - time.monotonic(), "no start came")
            if isinstance(message, bytes):
                raise Refused("out_of_order", "the first message must be start")
            fields = parse_json(message)
            if fields["type"] == "ping":
                await self._send(parse_ping(fields))
            elif fields["type"] == "start":
                start = parse_start(fields)
                loop = asyncio.get_running_loop()
                return await run_in_threadpool(self._hub.open, start, loop)
            else:
                raise Refused("out_of_order", "the first message must be start")

    def _ready(self, session: Session) -> dict[str, Any]:
        start, model = session.start, self._hub.models.get(session.model)
        return {
            "type": "ready",
            "session": session.name,
            "kind": start.kind,
            "model": model.description,
            "input": None if start.input is None or not start.encodes else vars(start.input),
            "output": vars(session.output) if start.decodes else None,
            "algorithmic_latency_ms": model.description["algorithmic_latency_ms"],
            "limits": vars(self._limits),
        }

    async def _read(self, session: Session) -> None:
        """Take messages until the client leaves; ``end`` closes only its mouth."""
        idle = self._limits.idle_seconds
        active = time.monotonic()
        while True:
            left = active + idle - time.monotonic()
            message = await self._receive(None if self._ended else left, "nothing was sent")
            if isinstance(message, bytes):
                await self._packet(session, parse_packet(message))
                active = time.monotonic()
            elif await self._text(session, parse_json(message)):
                active = time.monotonic()
            self._hub.wake(session)

    async def _write(self, session: Session) -> None:
        """Send what the session gives until it is done."""
        while True:
            message, room = await session.outbox.get()
            if isinstance(message, dict) and message["type"] == "error":
                raise Refused(message["code"], message["message"])
            await self._send(message)
            if room:
                self._hub.wake(session)
            if isinstance(message, dict) and message["type"] == "done":
                session.finished = True
                return

    # ---------------------------------------------------------------- messages
    async def _text(self, session: Session, fields: dict[str, Any]) -> bool:
        """Follow a text message; whether it shows that the client is working."""
        kind = fields["type"]
        if kind == "ping":
            await self._send(parse_ping(fields))
            return False
        if self._ended:
            raise Refused("out_of_order", "nothing but ping may follow end")
        if kind == "end":
            self._ended = True
            await session.inbox.put(Ended(), 0.0)
        elif kind == "set":
            size = session.codec.voice_size
            change = parse_change(fields, size)
            if change.own_voice and session.start.kind != "roundtrip":
                raise Refused("bad_message", "only a round trip has a voice of its own")
            await session.inbox.put(change, 0.0)
        elif kind == "start":
            raise Refused("out_of_order", "a connection is one session: it has started")
        else:
            raise Refused("bad_message", f"a message of type {kind[:40]!r} is unknown")
        return kind == "end"

    async def _packet(self, session: Session, packet: Packet) -> None:
        if self._ended:
            raise Refused("out_of_order", "nothing but ping may follow end")
        if packet.kind == AUDIO and session.start.encodes:
            await self._audio(session, packet)
        elif packet.kind == TOKENS and not session.start.encodes:
            await self._tokens(session, packet)
        elif packet.kind == VOICE and session.start.decodes:
            size = session.codec.voice_size
            await session.inbox.put(VoiceArrived(voice_codes(packet.body, size)), 0.0)
        else:
            kind = session.start.kind
            raise Refused("out_of_order", f"a session of kind {kind} takes no such packet")

    async def _audio(self, session: Session, packet: Packet) -> None:
        pcm = session.start.input
        assert pcm is not None
        if packet.position != self._position & 0xFFFFFFFF:
            raise Refused(
                "out_of_order",
                f"this packet begins at sample {packet.position}, expected {self._position}",
            )
        samples = audio_samples(packet, pcm.format)
        self._position += len(samples)
        seconds = len(samples) / pcm.rate
        self._count(seconds)
        await session.inbox.put(AudioArrived(samples, time.perf_counter()), seconds)

    async def _tokens(self, session: Session, packet: Packet) -> None:
        codes, lost = packet_tokens(packet, session.codec.codebook_size)
        gap = packet.position - self._position
        if not 0 <= gap <= self._limits.gap_tokens:
            raise Refused(
                "out_of_order",
                f"this packet begins at token {packet.position}, expected {self._position} or up "
                f"to {self._limits.gap_tokens} later",
            )
        codes = np.concatenate([np.full(gap, LOST), np.where(lost, LOST, codes)])
        self._position += len(codes)
        seconds = len(codes) / session.codec.frame_rate
        self._count(seconds)
        await session.inbox.put(TokensArrived(codes, time.perf_counter()), seconds)

    def _count(self, seconds: float) -> None:
        self._seconds += seconds
        most = self._limits.session_seconds
        if self._seconds > most:
            raise Refused("too_long", f"a session has at most {most:g} seconds of sound")

    # ---------------------------------------------------------------- the wire
    async def _receive(self, seconds: float | None, what: str) -> bytes | str:
        try:
            timeout = None if seconds is None else max(seconds, 0.0)
            event = await asyncio.wait_for(self._socket.receive(), timeout)
        except asyncio.TimeoutError:
            raise Refused("idle", f"{what} for too long") from None
        if event["type"] == "websocket.disconnect":
            raise Left
        data = event.get("bytes")
        message: bytes | str = event["text"] if data is None else data
        self._hub.metrics.received.inc(len(message))
        if len(message) > self._limits.message_bytes:
            most = self._limits.message_bytes
            raise Refused("too_large", f"a message has at most {most} bytes, not {len(message)}")
        return message

    async def _send(self, message: Message) -> None:
        """Write one message; a client that does not read is left after a while."""
        text = message if isinstance(message, bytes) else json.dumps(message)
        self._hub.metrics.sent.inc(len(text))
        try:
            async with self._sending:
                if isinstance(text, bytes):
                    sent = self._socket.send_bytes(text)
                else:
                    sent = self._socket.send_text(text)
                await asyncio.wait_for(sent, self._limits.idle_seconds)
        except asyncio.TimeoutError:
            raise Refused("idle", "nobody reads what is sent") from None
        except _GONE as error:
            raise Left from error

    async def _goodbye(self, error: Refused) -> None:
        """Say why, as far as anybody still listens."""
        if self._socket.application_state is not WebSocketState.CONNECTED:
            return
        reason = str(error).encode()[:_REASON_BYTES].decode(errors="ignore")

        async def say() -> None:
            await self._socket.send_text(json.dumps({"type": "error", **error.as_dict()}))
            await self._socket.close(CODES[error.code][0], reason)

        with contextlib.suppress(*_GONE, asyncio.TimeoutError):
            await asyncio.wait_for(say(), _GOODBYE_SECONDS)


async def _stop(task: asyncio.Task[None]) -> None:
    """Cancel a task until it is over: Python's ``wait_for`` can swallow the first attempt."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)
    if not task.cancelled():
        task.exception()  # reader and writer may both find the client gone: one says so
