"""A thread that steps its sessions: all that are ready, as one batch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch

from secousti.errors import SecoustiError
from secousti.serve.cost import ModelCost
from secousti.serve.errors import Refused
from secousti.serve.metrics import Metrics
from secousti.serve.session import Session
from secousti.sessions.together import decode_together, encode_together

_log = logging.getLogger("secousti.serve")
_LONGEST_GATHER = 0.01  # seconds


class Worker:
    """Steps the sessions given to it until ``stop``.

    Who becomes ready while a step runs is in the next one. When there is time to spare, a step
    also waits a little for others: never longer than leaves half of ``latency_budget`` seconds,
    and not at all for a session that is alone.
    """

    def __init__(
        self,
        costs: Mapping[str, ModelCost],
        metrics: Metrics,
        latency_budget: float,
        batching: bool = True,
    ) -> None:
        self._costs, self._metrics = costs, metrics
        self._budget, self._batching = latency_budget, batching
        self._changed = threading.Condition()
        self._sessions: dict[str, Session] = {}
        self._awake: dict[str, Session] = {}
        self._stopping = False
        self._told: dict[str, Any] = {}  # what stats tell of the server
        self._thread = threading.Thread(target=self._run, name="secousti-worker", daemon=True)
        self._thread.start()

    def add(self, session: Session) -> None:
        """Work for a session from now on."""
        with self._changed:
            self._sessions[session.name] = session

    def remove(self, session: Session) -> None:
        """Forget a session, done or not."""
        with self._changed:
            self._sessions.pop(session.name, None)
            self._awake.pop(session.name, None)
            if not self._sessions:
                for cost in self._costs.values():
                    cost.forget()

    def wake(self, session: Session) -> None:
        """There is something new in the session's inbox, or room in its outbox."""
        with self._changed:
            if session.name in self._sessions:
                self._awake[session.name] = session
                self._changed.notify()

    def stop(self) -> None:
        """End the thread; sessions are left as they are."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def load(self, model: str | None = None, encoders: int = 0, decoders: int = 0) -> float:
        """Share of the worker's time that its sessions need, with so many streams more."""
        counts = {name: [0, 0] for name in self._costs}
        if model is not None:
            counts[model] = [encoders, decoders]
        with self._changed:
            for session in self._sessions.values():
                counts[session.model][0] += session.start.encodes
                counts[session.model][1] += session.start.decodes
        return sum(self._costs[name].load(*count) for name, count in counts.items())

    def __len__(self) -> int:
        return len(self._sessions)

    # ---------------------------------------------------------------- the thread
    def _run(self) -> None:
        torch.set_num_threads(1)
        while True:
            with self._changed:
                while not self._awake and not self._stopping:
                    self._changed.wait()
                if self._stopping:
                    return
                awake = self._take()
            self._prepare(awake)
            self._gather(awake)
            self._work(list(awake.values()))
            with self._changed:
                for session in awake.values():
                    if session.has_work and session.name in self._sessions:
                        self._awake[session.name] = session

    def _take(self) -> dict[str, Session]:
        awake, self._awake = self._awake, {}
        return awake

    def _prepare(self, sessions: Mapping[str, Session]) -> None:
        for session in sessions.values():
            self._guarded([session], session.prepare)

    def _gather(self, awake: dict[str, Session]) -> None:
        """Wait for others to join, as long as the latency budget allows."""
        ready = [s for s in awake.values() if s.to_encode or s.to_decode]
        with self._changed:
            present = len(self._sessions)
        if not self._batching or not ready or len(ready) >= present:
            return
        cost = self._costs[ready[0].model]
        until = time.perf_counter() + min(
            _LONGEST_GATHER, self._budget / 2 - cost.step(present, present)
        )
        while (left := until - time.perf_counter()) > 0:
            with self._changed:
                if not self._awake:
                    self._changed.wait(left)
                fresh = self._take()
            self._prepare(fresh)
            awake |= fresh
            if all(s.to_encode or s.to_decode for s in awake.values()) and len(awake) >= present:
                return

    def _work(self, sessions: list[Session]) -> None:
        self._told = {"sessions": len(self._sessions), "load": round(self.load(), 3)}
        for batch in self._batches(sessions, lambda s: s.to_encode):
            self._guarded(batch, partial(self._encode, batch))
        for batch in self._batches(sessions, lambda s: s.to_decode):
            self._guarded(batch, partial(self._decode, batch))
        for session in sessions:
            self._guarded([session], partial(self._close, session))

    def _batches(
        self, sessions: Iterable[Session], ready: Callable[[Session], int]
    ) -> Iterable[list[Session]]:
        """Those that are ready, by model; each alone without batching."""
        batches: dict[str, list[Session]] = {}
        for session in sessions:
            if ready(session):
                alone = "" if self._batching else session.name
                batches.setdefault(session.model + alone, []).append(session)
        return batches.values()

    def _encode(self, batch: list[Session]) -> None:
        count = min(session.to_encode for session in batch)
        begun = time.perf_counter()
        codes = encode_together([s.encoder for s in batch if s.encoder is not None], count)
        seconds = time.perf_counter() - begun
        self._measure("encode", batch, count, seconds)
        for session, row in zip(batch, codes, strict=True):
            session.encoded(row, begun, seconds, len(batch))
            if session.decoder is None:
                self._release(session)

    def _decode(self, batch: list[Session]) -> None:
        count = min(session.to_decode for session in batch)
        taken = [session.take_tokens(count) for session in batch]
        begun = time.perf_counter()
        decoders = [s.decoder for s in batch if s.decoder is not None]
        audio = decode_together(decoders, [codes for codes, _ in taken])
        seconds = time.perf_counter() - begun
        self._measure("decode", batch, count, seconds)
        for session, sound, (_, tokens) in zip(batch, audio, taken, strict=True):
            session.decoded(sound, tokens, seconds, len(batch))
            self._release(session)

    def _close(self, session: Session) -> None:
        if session.to_finish:
            session.finish(self._told)
            session.release()

    def _release(self, session: Session) -> None:
        session.stats(self._told, time.perf_counter())
        session.release()

    def _measure(self, stage: str, batch: list[Session], count: int, seconds: float) -> None:
        cost = self._costs[batch[0].model]
        getattr(cost, stage).observe(count * len(batch), seconds)
        self._metrics.step(stage, batch[0].model, len(batch), count, seconds)

    def _guarded(self, sessions: list[Session], work: Callable[[], object]) -> None:
        """An error ends the sessions it happened to, and nothing else."""
        try:
            work()
        except SecoustiError as error:
            self._fail(sessions, Refused("bad_message", str(error)))
        except Exception:
            _log.exception("a step failed")
            self._fail(sessions, Refused("internal", "the server failed; try again"))

    def _fail(self, sessions: list[Session], reason: Refused) -> None:
        for session in sessions:
            session.fail(reason)
