"""Tokens, slow clients, many connections, TLS and a proxy in front."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from secousti.errors import SecoustiError
from secousti.serve import Limits, ServeOptions
from secousti.serve.client import ServerError, Stream, download, pcm, voice
from secousti.serve.server import Background, Tls, run
from tests.serve.raw import PATIENCE, connect, over_tls
from tests.serve.test_fuzz import speak
from tests.serve.test_limits import wait_for
from tests.toy import toy_speech

TOKEN = "0123456789abcdef"
SPEECH = Path(__file__).parents[2] / "examples" / "speech.wav"


def status_of(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_a_server_with_a_token(serving) -> None:
    with serving(token=TOKEN) as server:
        models = server.url + "/v1/models"
        assert status_of(server.url + "/healthz") == 200
        assert status_of(models) == 401
        assert status_of(server.url + "/metrics") == 401
        assert status_of(models, Authorization="Bearer 0123456789abcdeF") == 401
        assert status_of(models + "?token=wrong") == 401
        assert status_of(models, Authorization=f"Bearer {TOKEN}") == 200
        assert status_of(f"{models}?token={TOKEN}") == 200
        stream = server.url.replace("http", "ws") + "/v1/stream"
        with pytest.raises(InvalidStatus, match="403"):
            connect(stream).__enter__()
        with connect(f"{stream}?token={TOKEN}") as socket:
            assert socket.response.status_code == 101
        with pytest.raises(SecoustiError, match="no session could be had"):
            Stream(server.url, kind="encode", input=pcm(16000))
        with Stream(server.url, token=TOKEN, kind="encode", input=pcm(16000), result=True) as mine:
            mine.end()
            done = list(mine)[-1]
        assert download(server.url, done["result"]["sct"], token=TOKEN)
        with pytest.raises(ServerError) as caught:
            voice(server.url, SPEECH)
        assert caught.value.code == "unauthorized"
        assert voice(server.url, SPEECH, token=TOKEN)


def test_beyond_this_machine_only_with_a_token(serving) -> None:
    with serving() as server:
        app = type("App", (), {"state": type("State", (), {"hub": server.hub})})
        with pytest.raises(SecoustiError, match="lets other machines in: give the server a token"):
            run(app, host="0.0.0.0", port=0)  # type: ignore[arg-type]
    with pytest.raises(SecoustiError, match="a token has 16 to 256"):
        ServeOptions(token="short")


def test_half_sent_requests_end(serving) -> None:
    """Clients that sent half a request held their places until they left."""
    starts = (
        b"",
        b"GET /v1/mod",
        b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP",
        b"POST /v1/voices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\nRIFF",
    )
    with serving(Limits(request_seconds=2.0, body_seconds=2.0)) as server, ExitStack() as stack:
        port = int(server.url.rsplit(":", 1)[1])
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            for _ in starts
        ]
        for client, start in zip(clients, starts, strict=True):
            client.sendall(start)
        answers = [everything(client) for client in clients]
        assert answers[:3] == [b"", b"", b""]
        assert b" 200 " in answers[3]  # what is asked whole is answered; then the server hangs up
        assert b" 408 " in answers[4]


def everything(client: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    heard = b""
    with suppress(ConnectionResetError):
        while data := client.recv(4096):
            heard += data
    return heard


def test_one_address_cannot_take_every_place(serving) -> None:
    with serving(Limits(connections=3)) as server:
        port = int(server.url.rsplit(":", 1)[1])
        many = [
            socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
            for _ in range(6)
        ]
        try:
            wait_for(lambda: sum(hung_up(client) for client in many) == 3)
            assert status_of(server.url + "/healthz") == 200
        finally:
            for client in many:
                client.close()
        url = server.url.replace("http", "ws") + "/v1/stream"
        with connect(url), connect(url), connect(url):
            assert status_of(server.url + "/healthz") == 503
            with pytest.raises(InvalidStatus, match="403"):
                connect(url).__enter__()
        wait_for(lambda: status_of(server.url + "/healthz") == 200)


def hung_up(client: socket.socket) -> bool:
    """Whether the server has ended the connection."""
    client.setblocking(False)
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1".split(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return Tls(folder / "cert.pem", folder / "key.pem")


def test_the_command_serves_tls_and_ends_well_on_ctrl_c(
    toy_folder: Path, certificate: Tls, tmp_path: Path
) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "secousti", "serve", "-m", str(toy_folder)]
    options = ["--host", "0.0.0.0", "--port", str(port)]
    files = ["--certificate", str(certificate.certificate), "--key", str(certificate.key)]
    process = subprocess.Popen(
        [*command, *options, *files],
        env={**os.environ, "SECOUSTI_TOKEN": TOKEN},
        stderr=subprocess.PIPE,
    )
    try:
        trust = ssl.create_default_context(cafile=str(certificate.certificate))
        request = urllib.request.Request(
            f"https://localhost:{port}/v1/models", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        answer = None
        deadline = time.monotonic() + 900
        while answer is None:
            assert process.poll() is None
            assert time.monotonic() < deadline
            try:
                with urllib.request.urlopen(request, context=trust) as response:
                    answer = json.load(response)
            except urllib.error.URLError:
                time.sleep(0.2)
        assert answer["models"][0]["name"] == "toy"

        async def come_and_go(dial) -> None:  # type: ignore[no-untyped-def]
            async with dial(f"wss://localhost:{port}/v1/stream?token={TOKEN}"):
                pass

        over_tls(come_and_go, trust)
        process.send_signal(signal.SIGINT)
        log = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 0
        assert TOKEN.encode() not in log
    finally:
        process.kill()
        process.wait()
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    broken = subprocess.run(
        [*command, "--certificate", str(bad), "--key", str(bad)], capture_output=True, text=True
    )
    assert broken.returncode == 1
    assert "the TLS certificate or key cannot be used" in broken.stderr


def test_a_blocking_session_over_tls_stays_in_one_thread(
    serving, certificate: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 1,100 connections with a reader and a writer in two threads, 2 hung for ever."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    users: dict[int, set[int]] = {}
    kept = []  # an object's number is used again when it goes

    def watched(name: str, method):  # type: ignore[no-untyped-def]
        def call(connection, *args):  # type: ignore[no-untyped-def]
            kept.append(connection)
            users.setdefault(id(connection), set()).add(threading.get_ident())
            return method(connection, *args)

        return call

    for kind in (ssl.SSLObject, ssl.SSLSocket):
        for name in ("read", "write", "recv", "send", "do_handshake", "unwrap"):
            if hasattr(kind, name):
                monkeypatch.setattr(kind, name, watched(name, getattr(kind, name)))
    sound = toy_speech(1.0)
    with serving(tls=certificate) as server:
        expected = server.codec.encode(sound, server.codec.sample_rate).codes[0, 0].tolist()
        url = server.url.replace("127.0.0.1", "localhost")
        assert speak(dataclasses.replace(server, url=url), sound[0].numpy()) == expected
        for _ in range(40):
            with Stream(url, kind="encode", input=pcm(22050)):
                pass
    assert len(users) == 2 * 41  # both ends are in this process
    assert all(len(threads) == 1 for threads in users.values())


NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name speech.example.org;
        ssl_certificate {certificate}; ssl_certificate_key {key};
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 120s;
        }}
    }}
}}
"""


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_behind_nginx(serving, certificate: Tls, tmp_path: Path) -> None:
    """The set-up of docs/serving.md: TLS at the proxy, sessions through it, addresses told on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serving(Limits(connections=2), allow_hosts=("speech.example.org",)) as server:
        config = tmp_path / "nginx.conf"
        config.write_text(
            NGINX.format(
                folder=tmp_path,
                port=port,
                certificate=certificate.certificate,
                key=certificate.key,
                upstream=server.url,
            )
        )
        nginx = subprocess.Popen(["nginx", "-c", str(config), "-p", str(tmp_path)])
        try:
            trust = ssl.create_default_context(cafile=str(certificate.certificate))
            url = f"wss://localhost:{port}/v1/stream"
            wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)

            async def three(dial) -> None:  # type: ignore[no-untyped-def]
                async with dial(url) as one:
                    start = {"type": "start", "kind": "encode", "input": pcm(16000)}
                    await one.send(json.dumps(start))
                    assert json.loads(await one.recv())["type"] == "ready"
                    async with dial(url):
                        with pytest.raises(InvalidStatus, match="403"):
                            await dial(url)  # the third of one address

            over_tls(three, trust)
        finally:
            nginx.terminate()
            nginx.wait()


def test_a_background_server_needs_a_token_too(serving) -> None:
    with serving() as server:
        app = type("App", (), {"state": type("State", (), {"hub": server.hub})})
        with pytest.raises(SecoustiError, match="give the server a token"):
            Background(app, host="0.0.0.0")  # type: ignore[arg-type]
