"""Tokens, slow clients, many connections, TLS and a proxy in front."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from secousti.errors import SecoustiError
from secousti.serve import Limits, ServeOptions
from secousti.serve.client import ServerError, Stream, download, pcm, voice
from secousti.serve.server import Background, Tls, run
from tests.serve.test_limits import wait_for

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
    with serving(Limits(request_seconds=0.5, body_seconds=0.5)) as server:
        port = int(server.url.rsplit(":", 1)[1])
        starts = (
            b"",
            b"GET /v1/mod",
            b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP",
        )
        for start in starts:
            with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as client:
                client.sendall(start)
                while client.recv(4096):
                    pass  # what was asked whole is answered; then the server hangs up
        with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as client:
            head = (
                b"POST /v1/voices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\nRIFF"
            )
            client.sendall(head)
            assert b" 408 " in client.recv(4096)


def test_one_address_cannot_take_every_place(serving) -> None:
    with serving(Limits(connections=3)) as server:
        port = int(server.url.rsplit(":", 1)[1])
        many = [
            socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
            for _ in range(6)
        ]
        try:
            time.sleep(0.3)
            open_still = 0
            for client in many:
                client.settimeout(0.2)
                try:
                    open_still += client.recv(1) != b""
                except TimeoutError:
                    open_still += 1
                except ConnectionResetError:
                    pass
            assert open_still == 3
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
        deadline = time.monotonic() + 120
        while answer is None:
            assert process.poll() is None
            assert time.monotonic() < deadline
            try:
                with urllib.request.urlopen(request, context=trust) as response:
                    answer = json.load(response)
            except urllib.error.URLError:
                time.sleep(0.2)
        assert answer["models"][0]["name"] == "toy"
        with connect(f"wss://localhost:{port}/v1/stream?token={TOKEN}", ssl=trust):
            pass
        process.send_signal(signal.SIGINT)
        log = process.communicate(timeout=60)[1]
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
            with connect(url, ssl=trust) as one:
                one.send(json.dumps({"type": "start", "kind": "encode", "input": pcm(16000)}))
                assert json.loads(one.recv())["type"] == "ready"
                with connect(url, ssl=trust), pytest.raises(InvalidStatus, match="403"):
                    connect(url, ssl=trust).__enter__()  # the third of one address
        finally:
            nginx.terminate()
            nginx.wait()


def test_a_background_server_needs_a_token_too(serving) -> None:
    with serving() as server:
        app = type("App", (), {"state": type("State", (), {"hub": server.hub})})
        with pytest.raises(SecoustiError, match="give the server a token"):
            Background(app, host="0.0.0.0")  # type: ignore[arg-type]
