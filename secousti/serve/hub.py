"""Who may come in, and what is cleared away when they leave."""

from __future__ import annotations

import asyncio
import secrets
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.audio.opening import open_audio
from secousti.errors import SecoustiError
from secousti.memory import give_back
from secousti.serve.errors import Refused
from secousti.serve.mailbox import Inbox, Outbox
from secousti.serve.messages import MAX_RATE, MIN_RATE, Start, parse_voice
from secousti.serve.metrics import Metrics
from secousti.serve.models import Models
from secousti.serve.options import ServeOptions
from secousti.serve.recording import Results
from secousti.serve.session import Session
from secousti.serve.worker import Worker
from secousti.voice import quantize

_STEP_SOUND = 0.1  # seconds of sound that one session may compute in a step
_VOICES_AT_ONCE = 2
_TRIM_EVERY = 64  # sessions that ended


class Hub:
    """Models, workers and sessions of one server."""

    def __init__(self, models: Models, options: ServeOptions) -> None:
        self.models, self.options = models, options
        self.metrics = Metrics()
        limits = options.limits
        self.results = Results(limits.result_expires, limits.results_bytes)
        costs = {model.name: model.cost for model in models}
        self._workers = [
            Worker(costs, self.metrics, options.latency_budget, options.batching)
            for _ in range(options.workers)
        ]
        self._sessions: dict[str, tuple[Session, Worker]] = {}
        self._lock = threading.Lock()
        self._closed = 0
        self._voices = threading.Semaphore(_VOICES_AT_ONCE)
        self.metrics.watch("load", "Share of the workers' time that is needed", self.load)
        self.metrics.watch("results_bytes", "Bytes kept for download", lambda: self.results.size)

    def open(self, start: Start, loop: asyncio.AbstractEventLoop) -> Session:
        """A new session, if there is room for it.

        Raises:
            Refused: too many, too slow, or a ``start`` that the model cannot follow.
        """
        model = self.models.get(start.model)
        limits = self.options.limits
        voice = None
        if start.voice is not None:
            voice = parse_voice(start.voice, model.codec.voice_size)
        inbox = Inbox(limits.input_seconds, loop)
        outbox = Outbox(limits.output_bytes, loop)
        most = max(1, int(_STEP_SOUND * model.codec.frame_rate))
        try:
            session = Session(
                secrets.token_urlsafe(9),
                model.name,
                model.codec,
                model.mode,
                start,
                voice,
                inbox,
                outbox,
                self.results,
                limits.result_seconds,
                most,
            )
        except SecoustiError as error:
            raise Refused("bad_message", str(error)) from error
        with self._lock:
            worker = self._admit(start, model.name)
            self._sessions[session.name] = (session, worker)
            worker.add(session)
        self.metrics.sessions.labels(model.name, start.kind).inc()
        self.metrics.started.labels(model.name, start.kind).inc()
        return session

    def _admit(self, start: Start, model: str) -> Worker:
        """The worker with the most time to spare."""
        most = self.options.max_sessions
        if len(self._sessions) >= most:
            raise Refused("overloaded", f"all {most} sessions are taken; try again later")
        loads = [w.load(model, int(start.encodes), int(start.decodes)) for w in self._workers]
        best = min(range(len(loads)), key=loads.__getitem__)
        # Alone on a worker even a codec that is slower than sound disturbs nobody.
        if loads[best] > self.options.max_load and len(self._workers[best]):
            raise Refused(
                "overloaded",
                f"one more session would need {loads[best]:.0%} of the time there is, and "
                f"{self.options.max_load:.0%} are allowed; try again later",
            )
        return self._workers[best]

    def wake(self, session: Session) -> None:
        """Tell the session's worker to look after it."""
        entry = self._sessions.get(session.name)
        if entry is not None:
            entry[1].wake(session)

    def close(self, session: Session) -> None:
        """Forget a session."""
        with self._lock:
            _, worker = self._sessions.pop(session.name)
            worker.remove(session)
        session.inbox.clear()
        self._closed += 1
        if self._closed % _TRIM_EVERY == 0:
            give_back()
        self.metrics.sessions.labels(session.model, session.start.kind).dec()
        if session.finished:
            self.metrics.finished.inc()

    def load(self) -> float:
        """The mean over the workers."""
        return sum(worker.load() for worker in self._workers) / len(self._workers)

    @property
    def overloaded(self) -> bool:
        """Whether a round trip with the default model would be refused now."""
        if len(self._sessions) >= self.options.max_sessions:
            return True
        free = [w for w in self._workers if not len(w)]
        loads = [worker.load(self.models.default, 1, 1) for worker in self._workers]
        return not free and min(loads) > self.options.max_load

    def status(self) -> dict[str, Any]:
        """What ``/healthz`` tells."""
        return {
            "status": "overloaded" if self.overloaded else "ok",
            "sessions": len(self._sessions),
            "max_sessions": self.options.max_sessions,
            "load": round(self.load(), 3),
            "models": [model.name for model in self.models],
        }

    def voice(self, model: str | None, data: bytes) -> tuple[NDArray[np.int8], float]:
        """The voice int8 [V] of the bytes of a recording, and the seconds of it that were read.

        Raises:
            Refused: no recording, or too many at once.
        """
        codec = self.models.get(model).codec
        if not self._voices.acquire(blocking=False):
            raise Refused("overloaded", "other voices are being computed; try again")
        try:
            samples, rate = self._recording(data)
            vector = codec.voice(samples, rate)
            return quantize(vector[0]).cpu().numpy(), len(samples) / rate
        except Refused:
            raise
        except SecoustiError as error:
            raise Refused("bad_message", str(error)) from error
        finally:
            self._voices.release()

    def _recording(self, data: bytes) -> tuple[NDArray[np.float32], int]:
        with open_audio(data, "the recording") as audio:
            rate = audio.sample_rate
            if not MIN_RATE <= rate <= MAX_RATE:
                raise Refused(
                    "bad_message", f"the recording has {rate} Hz; {MIN_RATE} to {MAX_RATE} are read"
                )
            return audio.read(int(self.options.limits.voice_seconds * rate)), rate

    def stop(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.stop()
