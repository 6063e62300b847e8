"""A step that fails for want of memory: its session ends in words, the next is served as before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from secousti.serve import worker
from secousti.serve.client import ServerError, Stream, pcm
from tests.failures import failing_memory
from tests.serve.conftest import Served
from tests.serve.test_fuzz import speak
from tests.serve.test_limits import wait_for
from tests.toy import toy_speech


@pytest.mark.parametrize("step", ["encode_together", "decode_together"])
@pytest.mark.parametrize(
    "error", [MemoryError, RuntimeError("DefaultCPUAllocator: can't allocate")]
)
def test_a_step_without_memory(
    server: Served, step: str, error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = toy_speech(2.0)
    expected = server.codec.encode(sound, server.codec.sample_rate).codes[0, 0].tolist()
    real, calls = getattr(worker, step), iter(range(10**6))

    def scarce(*args: Any) -> Any:
        if next(calls) == 2:
            raise error
        return real(*args)

    monkeypatch.setattr(worker, step, scarce)
    with pytest.raises(ServerError, match="the server failed"):
        converse(server, sound[0].numpy())
    assert speak(server, sound[0].numpy()) == expected
    wait_for(lambda: server.metric("sessions") == 0)
    assert server.hub._sessions == {}
    assert all(len(each) == 0 for each in server.hub._workers)


@pytest.mark.parametrize("at", [1, 30, 100])
def test_an_allocation_within_a_step(
    server: Served, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = toy_speech(2.0)
    expected = server.codec.encode(sound, server.codec.sample_rate).codes[0, 0].tolist()
    real, calls = worker.encode_together, iter(range(10**6))

    def scarce(*args: Any) -> Any:
        with failing_memory(at if next(calls) == 2 else 0):
            return real(*args)

    monkeypatch.setattr(worker, "encode_together", scarce)
    with pytest.raises(ServerError, match="the server failed"):
        converse(server, sound[0].numpy())
    assert speak(server, sound[0].numpy()) == expected
    wait_for(lambda: server.metric("sessions") == 0)
    assert server.hub._sessions == {}


def converse(server: Served, sound: np.ndarray) -> None:
    """A round trip, listened to until its end."""
    with Stream(server.url, kind="roundtrip", input=pcm(22050, "f32le")) as stream:
        stream.send(sound)
        stream.end()
        for _ in stream:
            pass
