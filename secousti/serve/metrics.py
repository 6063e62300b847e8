"""Counters of a server for Prometheus; also how the tests look for leaks."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The numbers behind ``/metrics``, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"secousti_{name}", about, labels, registry=self.registry)

        self.connections = Gauge(
            "secousti_connections", "WebSocket connections open", registry=self.registry
        )
        self.sessions = Gauge(
            "secousti_sessions", "Sessions open", ("model", "kind"), registry=self.registry
        )
        self.started = counter("sessions_started", "Sessions begun", "model", "kind")
        self.finished = counter("sessions_finished", "Sessions that reached done")
        self.refused = counter("refused", "Requests and sessions ended by an error", "code")
        self.received = counter("received_bytes", "Bytes of WebSocket messages received")
        self.sent = counter("sent_bytes", "Bytes of WebSocket messages sent")
        self._tokens = counter("tokens", "Tokens computed", "model", "stage")
        self._busy = counter("step_seconds", "Seconds spent in steps", "model", "stage")
        self._steps = Histogram(
            "secousti_step_duration_seconds",
            "One step of a batch",
            ("stage",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batches = Histogram(
            "secousti_batch_sessions",
            "Sessions in a step",
            ("stage",),
            buckets=_ROWS,
            registry=self.registry,
        )

    def step(self, stage: str, model: str, rows: int, tokens: int, seconds: float) -> None:
        """One step of ``rows`` sessions, ``tokens`` each."""
        self._tokens.labels(model, stage).inc(rows * tokens)
        self._busy.labels(model, stage).inc(seconds)
        self._steps.labels(stage).observe(seconds)
        self._batches.labels(stage).observe(rows)

    def watch(self, name: str, about: str, value: Callable[[], float]) -> None:
        """A gauge that is read when it is asked for."""
        Gauge(f"secousti_{name}", about, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
