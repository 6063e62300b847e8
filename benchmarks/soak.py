"""An hour of sessions: does the server's memory stay flat, and do tokens stay what they are?

A server in a process of its own and real-time clients here, each speaking ``examples/speech.wav``
in loops and beginning a new session every few minutes:

    python -m benchmarks.soak --minutes 60 --sessions 2 --picture docs/images/serving-soak.png

Every session's tokens are compared with those of encoding the same sound offline.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from secousti.serve.client import Stream, Tokens, pcm

SPEECH = Path(__file__).parents[1] / "examples" / "speech.wav"
MODEL = "mini-21hz"
CHUNK = 0.02  # seconds a client sends at once
EVERY = 5.0  # seconds between samples of memory


@dataclass
class Soak:
    """What happened so far."""

    begun: float = field(default_factory=time.monotonic)
    sessions: int = 0
    tokens: int = 0
    wrong: int = 0
    failures: list[str] = field(default_factory=list)
    p95: list[float] = field(default_factory=list)
    memory: list[tuple[float, float, float]] = field(default_factory=list)  # s, MiB, tokens

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--sessions", type=int, default=2)
    parser.add_argument("--length", type=float, default=180.0, help="seconds of a session")
    parser.add_argument("--port", type=int, default=8799)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    server = start_server(args.port)
    soak = Soak()
    try:
        run(soak, f"http://127.0.0.1:{args.port}", args.minutes * 60, args.sessions, args.length)
    finally:
        server.terminate()
        server.wait()
    print(summary(soak))
    if args.json:
        args.json.write_text(json.dumps(vars(soak)), encoding="utf-8")
    if args.picture:
        draw(soak, args.picture)


def start_server(port: int) -> subprocess.Popen[bytes]:
    """``secousti serve`` that refuses nobody for its load, once it answers."""
    command = [sys.executable, "-m", "secousti", "serve", "-m", MODEL, "--port", str(port)]
    server = subprocess.Popen([*command, "--max-load", "100"])
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
            return server
        except OSError:
            if server.poll() is not None:
                raise SystemExit("the server did not start") from None
            time.sleep(0.2)


def run(soak: Soak, url: str, seconds: float, sessions: int, length: float) -> None:
    """Clients until ``seconds`` are over, and memory beside them and a minute after them."""
    expected = offline(length)
    clients = [
        threading.Thread(target=speak, args=(soak, url, seconds, length, expected, i), daemon=True)
        for i in range(sessions)
    ]
    for client in clients:
        client.start()
    while soak.seconds < seconds or any(client.is_alive() for client in clients):
        watch(soak, url)
    for _ in range(3):
        watch(soak, url)


def offline(length: float) -> tuple[np.ndarray, int, list[int]]:
    """The sound of a session, its rate, and its tokens."""
    import torch

    from secousti import SecoustiCodec

    torch.set_num_threads(1)
    speech, rate = soundfile.read(SPEECH, dtype="float32")
    sound = np.resize(speech, int(length * rate))
    codec = SecoustiCodec.from_pretrained(MODEL)
    return sound, rate, codec.encode(torch.from_numpy(sound)[None], rate).codes[0, 0].tolist()


def speak(
    soak: Soak,
    url: str,
    seconds: float,
    length: float,
    expected: tuple[np.ndarray, int, list[int]],
    number: int,
) -> None:
    """One client: session after session, the first shorter so that they do not end together."""
    sound, rate, tokens = expected
    whole = int(length * rate)
    size = int(whole * (number + 1) / (number + 2)) if number else whole
    while soak.seconds < seconds:
        try:
            speak_once(soak, url, sound[:size], rate, tokens, seconds)
        except Exception as error:
            soak.failures.append(f"{soak.seconds:.0f} s: {error}")
            time.sleep(1)
        size = whole


def speak_once(
    soak: Soak, url: str, sound: np.ndarray, rate: int, tokens: list[int], seconds: float
) -> None:
    got: list[int] = []
    size = int(CHUNK * rate)
    with Stream(
        url, kind="roundtrip", input=pcm(rate, "f32le"), output=pcm(rate), result=True, mel=True
    ) as stream:
        soak.sessions += 1
        begun = time.monotonic()
        for start in range(0, len(sound), size):
            time.sleep(max(0.0, begun + start / rate - time.monotonic()))
            stream.send(sound[start : start + size])
            take(soak, stream.events(), got)
            if soak.seconds > seconds:
                break
        stream.end()
        take(soak, stream, got)
    # The last token of a session that was cut short holds silence instead of what followed.
    upto = len(got) - (len(got) < len(tokens))
    soak.wrong += sum(a != b for a, b in zip(got[:upto], tokens, strict=False))


def take(soak: Soak, events, got: list[int]) -> None:  # type: ignore[no-untyped-def]
    for event in events:
        if isinstance(event, Tokens):
            got += event.codes.tolist()
            soak.tokens += len(event.codes)
        elif isinstance(event, dict) and event["type"] == "stats" and event["server_p95_ms"]:
            soak.p95.append(event["server_p95_ms"])


def watch(soak: Soak, url: str) -> None:
    time.sleep(EVERY)
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    mib = float(values["process_resident_memory_bytes"]) / 2**20
    soak.memory.append((soak.seconds, mib, soak.tokens))


def summary(soak: Soak) -> str:
    times, mib = np.array([m[0] for m in soak.memory]), np.array([m[1] for m in soak.memory])
    settled = times > 0.25 * times[-1]
    slope = np.polyfit(times[settled], mib[settled], 1)[0] * 3600
    return (
        f"{times[-1] / 60:.1f} minutes, {soak.sessions} sessions, {soak.tokens} tokens, "
        f"{soak.wrong} of them wrong, {len(soak.failures)} failures {soak.failures[:3]}\n"
        f"memory: {mib[0]:.0f} MiB at first, {mib[settled].min():.0f} to {mib[settled].max():.0f} "
        f"in the last three quarters, slope {slope:+.1f} MiB an hour\n"
        f"server time p95: median {np.median(soak.p95):.1f} ms"
    )


def draw(soak: Soak, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    axes.plot([m[0] / 60 for m in soak.memory], [m[1] for m in soak.memory], color="#3f51b5")
    axes.set(
        xlabel="minutes",
        ylabel="resident memory, MiB",
        ylim=(0, 1.2 * max(m[1] for m in soak.memory)),
    )
    axes.set_title(f"{soak.sessions} sessions, {soak.tokens} tokens", fontsize=10)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
