"""What the server tells over plain HTTP, and the command that starts it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from secousti.serve.client import Stream, pcm
from tests.serve.conftest import Served
from tests.toy import toy_speech


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=300) as answer:
        return answer.read().decode()


def test_models_tell_what_a_client_needs(server: Served) -> None:
    told = json.loads(get(server.url + "/v1/models"))
    (model,) = told["models"]
    codec = server.codec
    assert told["default"] == model["name"] == "toy"
    assert model["weights"] == codec.weight_hash
    assert model["levels"] == [3] * 8
    assert (model["group_tokens"], model["group_bytes"]) == (5, 8)
    assert model["bit_rate"] == pytest.approx(codec.bitrate)
    assert model["algorithmic_latency_ms"] == pytest.approx(1280 / 22.05)
    assert told["limits"]["message_bytes"] == 262144


def test_health_and_metrics_count_sessions(serving) -> None:
    with serving() as server:
        with Stream(server.url, kind="encode", input=pcm(22050)) as stream:
            assert json.loads(get(server.url + "/healthz"))["sessions"] == 1
            stream.send(toy_speech(0.5)[0].numpy())
            stream.end()
            assert list(stream)[-1]["tokens"] == 11
        lines = get(server.url + "/metrics").splitlines()  # the last token is the end's
        assert (
            'secousti_tokens_total{model="toy",stage="encode"} 10.0' in lines
        )  # and one at the end
        assert 'secousti_sessions_started_total{kind="encode",model="toy"} 1.0' in lines
        assert any(line.startswith("process_resident_memory_bytes") for line in lines)


def test_the_command_serves_until_interrupted(toy_folder) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "secousti", "serve", "-m", str(toy_folder)]
    server = subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.PIPE, text=True)
    try:
        assert _answers(f"http://127.0.0.1:{port}/healthz", server)["models"] == ["toy"]
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=900)
    assert f"http://127.0.0.1:{port}" in said
    assert "Traceback" not in said


def _answers(url: str, server: subprocess.Popen[str]) -> dict:
    while True:
        try:
            return json.loads(get(url))
        except OSError:
            assert server.poll() is None
            time.sleep(0.1)
