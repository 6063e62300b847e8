"""What a server refuses, and that it says why."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from secousti.errors import SecoustiError
from secousti.serve import Limits, ServeOptions
from secousti.serve.client import ServerError, Stream, download, pcm, voice
from secousti.serve.errors import CODES
from secousti.serve.packets import MEL, TOKENS, VOICE, Packet, audio_packet
from secousti.serve.recording import Result, Results
from secousti.serve.server import Background
from tests.serve.conftest import Served
from tests.serve.raw import PATIENCE, connect
from tests.toy import toy_speech

START = {"type": "start", "kind": "roundtrip", "input": {"format": "s16le", "rate": 16000}}
SILENCE = np.zeros(800, np.float32)


def refusal(url: str, *messages: dict | str | bytes) -> tuple[str, str, int]:
    """Code, sentence and close code that ``messages`` lead to."""
    with connect(url.replace("http", "ws") + "/v1/stream") as socket:
        error = {"code": "none", "message": ""}
        try:
            for message in messages:
                socket.send(json.dumps(message) if isinstance(message, dict) else message)
            while True:
                data = socket.recv(timeout=PATIENCE)
                if isinstance(data, str) and json.loads(data)["type"] == "error":
                    error = json.loads(data)
        except ConnectionClosed:
            return error["code"], error["message"], socket.protocol.close_code or 0


AUDIO_0 = audio_packet(SILENCE, 0, "s16le")


@pytest.mark.parametrize(
    ("messages", "code", "says"),
    [
        (["no json"], "bad_message", "must be JSON"),
        (["[" * 50000], "bad_message", "must be JSON"),
        ([{"kind": "encode"}], "bad_message", "with a type"),
        ([{"type": "end"}], "out_of_order", "must be start"),
        ([AUDIO_0], "out_of_order", "must be start"),
        ([{**START, "sample_rate": 5}], "bad_message", "no field 'sample_rate'"),
        ([{**START, "kind": "sing"}], "bad_message", "kind of start must be one of encode"),
        ([{**START, "loss": 0.9, "burst": 1}], "bad_message", "cannot lose 90%"),
        ([{**START, "loss": 2}], "bad_message", "from 0 to 1"),
        ([{**START, "loss": float("nan")}], "bad_message", "from 0 to 1"),
        ([{**START, "seed": 10**400}], "bad_message", "a whole number"),
        ([{**START, "input": {"format": "mp3", "rate": 16000}}], "bad_message", "s16le, f32le"),
        ([{**START, "input": {"format": "s16le", "rate": 4e9}}], "bad_message", "8000 to 48000"),
        ([{**START, "input": None}], "bad_message", "needs an input"),
        ([{**START, "kind": "convert"}], "bad_message", "needs a voice"),
        ([{**START, "voice": "AAAA"}], "bad_message", "64 signed bytes"),
        ([{**START, "voice": "?"}], "bad_message", "base64"),
        ([{**START, "model": "../../etc/passwd"}], "unknown_model", "no such model"),
        ([START, START], "out_of_order", "one session"),
        ([START, {"type": "sing"}], "bad_message", "'sing' is unknown"),
        ([START, b"\x01"], "bad_message", "at least 8 bytes"),
        ([START, b"\x09" * 8], "bad_message", "kind 9"),
        ([START, AUDIO_0 + b"\x00"], "bad_message", "no whole s16le samples"),
        ([START, AUDIO_0, AUDIO_0], "out_of_order", "begins at sample 0, expected 800"),
        ([START, Packet(TOKENS, 0, 1, 0, b"\0\0").to_bytes()], "out_of_order", "no such packet"),
        ([START, Packet(MEL, 0, 0, 0, b"").to_bytes()], "out_of_order", "no such packet"),
        ([START, Packet(VOICE, 0, 0, 0, b"\x80" * 64).to_bytes()], "bad_message", "-127 to 127"),
        ([START, {"type": "end"}, AUDIO_0], "out_of_order", "may follow end"),
        ([START, {"type": "ping", "id": "x" * 65}], "bad_message", "at most 64"),
        ([{**START, "kind": "decode"}, b"\x02\0\1\0\0\0\0\0\xff\xff"], "bad_message", "damaged"),
        ([{**START, "kind": "decode"}, b"\x02\0\0\0\0\0\0\0"], "bad_message", "1 to 4096 tokens"),
        ([{**START, "kind": "decode"}, b"\x02\0\1\0\xff\xff\0\0\0\0"], "out_of_order", "token 65"),
        (
            [{**START, "kind": "decode"}, {"type": "set", "voice": None}],
            "bad_message",
            "a voice of its own",
        ),
    ],
)
def test_a_message_that_is_wrong(server: Served, messages, code: str, says: str) -> None:
    found = refusal(server.url, *messages)
    assert (found[0], found[2]) == (code, CODES[code][0])
    assert says in found[1]


def test_samples_that_are_no_sound(server: Served) -> None:
    start = {**START, "input": {"format": "f32le", "rate": 16000}}
    for value in (np.nan, np.inf, 1e30):
        packet = audio_packet(np.array([0, value], np.float32), 0, "f32le")
        code, says, _ = refusal(server.url, start, packet)
        assert (code, "NaN or beyond" in says) == ("bad_message", True)


def test_patience(serving) -> None:
    with serving(Limits(start_seconds=0.3, idle_seconds=0.5)) as server:
        assert refusal(server.url)[:2] == ("idle", "no start came for too long")
    with serving(Limits(idle_seconds=0.5)) as server:
        assert refusal(server.url, START)[:2] == ("idle", "nothing was sent for too long")
        assert refusal(server.url, START, {"type": "ping", "id": 1})[0] == "idle"
        wait_for(lambda: server.metric("connections") == 0)
        assert server.metric("sessions") == 0


def test_sizes(serving) -> None:
    with serving(Limits(message_bytes=2000, session_seconds=0.2)) as server:
        assert refusal(server.url, START, AUDIO_0 + bytes(1000))[0] == "too_large"
        assert refusal(server.url, START, bytes(9000))[2] == 1009
        loud = [audio_packet(SILENCE, 800 * i, "s16le") for i in range(5)]
        assert refusal(server.url, START, *loud)[0] == "too_long"


def test_more_sessions_than_there_is_room_for(serving) -> None:
    with serving(max_sessions=1) as server:
        with Stream(server.url, kind="encode", input=pcm(16000)):
            with pytest.raises(ServerError, match="all 1 sessions are taken") as caught:
                Stream(server.url, kind="encode", input=pcm(16000))
            assert caught.value.code == "overloaded"
            with pytest.raises(urllib.error.HTTPError, match="503"):
                urllib.request.urlopen(server.url + "/healthz")
        wait_for(lambda: server.metric("sessions") == 0)
        with Stream(server.url, kind="encode", input=pcm(16000)):
            pass


def test_more_work_than_there_is_time_for(serving) -> None:
    """A machine that is too slow for two refuses the second, and the first goes on."""
    with serving(max_load=0.9) as server:
        cost = next(iter(server.hub.models)).cost
        cost.encode._base, cost.decode._base = 0.02, 0.03  # of a frame of 0.046 s
        with Stream(server.url, kind="roundtrip", input=pcm(22050)) as stream:
            with pytest.raises(ServerError, match=r"would need \d+% of the time"):
                Stream(server.url, kind="roundtrip", input=pcm(22050))
            stream.send(toy_speech(0.5)[0].numpy())
            stream.end()
            assert list(stream)[-1]["tokens"] == 11


def test_a_client_that_does_not_read_is_left(serving) -> None:
    limits = Limits(idle_seconds=0.5, output_bytes=20_000, input_seconds=0.5)
    with serving(limits) as server:
        url = server.url.replace("http", "ws") + "/v1/stream"
        with connect(url, max_queue=1, ping_interval=None) as socket:
            socket.send(json.dumps({**START, "mel": True}))
            with pytest.raises((ConnectionClosed, TimeoutError)):
                send_for_ever(socket)
        wait_for(lambda: server.metric("sessions") == 0)
        assert server.hub._sessions == {}


def send_for_ever(socket: ClientConnection) -> None:
    for i in range(100_000):
        socket.send(audio_packet(SILENCE, i * len(SILENCE), "s16le"))


def test_results_are_forgotten() -> None:
    now = 0.0
    results = Results(expires=60.0, limit=100, clock=lambda: now)
    first = results.keep(Result(b"a" * 40, None))
    now = 59.0
    second = results.keep(Result(b"b" * 20, b"c" * 20))
    assert results.get(first["id"]).sct == b"a" * 40
    now = 61.0
    assert (results.get(first["id"]), results.size) == (None, 40)
    third = results.keep(Result(b"d" * 70, None))  # more than there is room for beside another
    assert (results.get(second["id"]), results.size) == (None, 70)
    assert results.get(third["id"]) is not None


def test_results_of_long_sessions_are_not_kept(serving) -> None:
    with serving(Limits(result_seconds=1.0)) as server:
        assert "at most 1 seconds" in recorded(server, 1.5)["refused"]
        assert server.hub.results.size == 0
        assert download(server.url, recorded(server, 0.5)["sct"])


def recorded(server: Served, seconds: float) -> dict:
    with Stream(server.url, kind="roundtrip", input=pcm(22050), result=True) as stream:
        stream.send(toy_speech(seconds)[0].numpy())
        stream.end()
        return list(stream)[-1]["result"]


@pytest.mark.parametrize("path", ["/v1/results/..%2f..%2fetc%2fpasswd", "/v1/results/a.sct"])
def test_results_are_no_files(server: Served, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(server.url + path)


def test_voices_are_limited(serving) -> None:
    with serving(Limits(voice_bytes=1000)) as server:
        request = urllib.request.Request(server.url + "/v1/voices", bytes(5000))
        with pytest.raises(urllib.error.HTTPError, match="413"):
            urllib.request.urlopen(request)


def test_voices_of_any_recording(server: Served, tmp_path) -> None:
    """The page takes what a browser decodes; the server took WAV alone."""
    speech = toy_speech(1.0, 16000)[0].numpy()
    voices = []
    for name in ("a.wav", "a.flac"):
        soundfile.write(tmp_path / name, speech, 16000, subtype="PCM_16")
        voices.append(voice(server.url, tmp_path / name))
    assert voices[0] == voices[1]
    (tmp_path / "no.mp3").write_bytes(b"ID3 but no audio" * 9)
    with pytest.raises(ServerError, match="not audio that can be read"):
        voice(server.url, tmp_path / "no.mp3")


def test_a_length_that_is_claimed_costs_nothing(server: Served) -> None:
    """A decode session with samples of 2^30 took gigabytes of the server at its end."""
    with Stream(server.url, kind="decode", samples=2**30, output=pcm(48000)) as stream:
        stream.send_tokens(np.zeros(3, np.int64))
        stream.end()
        done = list(stream)[-1]
    frames = 3 * server.codec.frame_size
    assert abs(done["samples_out"] - frames * 48000 / server.codec.sample_rate) < 3


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 101),
        ({"Origin": "OWN"}, 101),
        ({"Origin": "https://friend.example"}, 101),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
    ],
)
def test_pages_of_other_origins(serving, headers: dict[str, str], status: int) -> None:
    with serving(allow_origins=("https://friend.example",)) as server:
        own = {k: server.url if v == "OWN" else v for k, v in headers.items()}
        request = urllib.request.Request(server.url + "/v1/models", headers=own)
        url = server.url.replace("http", "ws") + "/v1/stream"
        if status == 101:
            urllib.request.urlopen(request).close()
            origin = own.get("Origin")
            with connect(url, origin=origin) as socket:
                assert socket.response.status_code == 101
            return
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request)
        if "Host" not in own:
            with pytest.raises(InvalidStatus, match="403"):
                connect(url, origin=own["Origin"]).__enter__()


def test_options_that_make_no_sense() -> None:
    with pytest.raises(SecoustiError, match="max_sessions must be above 0"):
        ServeOptions(max_sessions=0)
    with pytest.raises(SecoustiError, match="idle_seconds must be above 0"):
        ServeOptions(limits=Limits(idle_seconds=0))


def test_a_port_that_is_taken(serving) -> None:
    with serving() as server:
        app = SimpleNamespace(state=SimpleNamespace(hub=server.hub))
        port = int(server.url.rsplit(":", 1)[1])
        with pytest.raises(SecoustiError, match="cannot listen on"):
            Background(app, port=port)  # type: ignore[arg-type]


def wait_for(condition, seconds: float = PATIENCE) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
