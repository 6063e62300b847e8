"""How many people can speak at once: real-time sessions per model, batched and one by one.

For every model two servers (one that steps its sessions together, one that does not) and clients
that speak ``examples/speech.wav`` in 20 ms packets, more and more of them, the servers in turn:

    python -m benchmarks.serving --workers 2 --markdown docs/tables/serving.md

A token's latency is counted from sending the packet that completes it to receiving its sound; the
token itself lasts a frame, so a p95 of 50 ms here is "one frame + 50 ms" from its first sample.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.measure import markdown, publish
from secousti.serve.client import AsyncStream, Audio, Tokens, pcm

SPEECH = Path(__file__).parents[1] / "examples" / "speech.wav"
CHUNK = 0.02
LEVELS = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32)
LIMIT = 0.05
SETTLE = 2.0  # seconds whose tokens do not count
MODES = ("batched", "one by one")


@dataclass
class Point:
    """One level: latencies in seconds; CPU of the server per session and second of sound."""

    model: str
    mode: str
    sessions: int
    p50: float
    p95: float
    p99: float
    cpu: float
    batch: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=None, help="default: every bundled one")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=12.0, help="of every level")
    parser.add_argument("--levels", type=int, nargs="+", default=list(LEVELS))
    parser.add_argument("--patience", type=int, default=2, help="levels over the limit, then stop")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", nargs=2, metavar=("MODEL", "MODE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve[0], args.serve[1], args.workers)
        return
    points = [p for model in args.models or bundled() for p in measure(model, args)]
    text = report(points)
    publish(text, args.markdown)
    if args.json:
        args.json.write_text(json.dumps([asdict(p) for p in points], indent=1), encoding="utf-8")


def bundled() -> list[str]:
    from secousti.serve.models import bundled_codecs

    return bundled_codecs()


def serve(model: str, mode: str, workers: int) -> None:
    """A server that refuses nobody; prints its address."""
    import threading

    from secousti.serve import ServeOptions, create_app
    from secousti.serve.server import Background

    options = ServeOptions(
        models=(model,), workers=workers, max_load=1e9, batching=mode == MODES[0]
    )
    with Background(create_app(options)) as server:
        print(server.url, flush=True)
        threading.Event().wait()


def measure(model: str, args: argparse.Namespace) -> list[Point]:
    """All levels of one model, both servers in turn."""
    servers: dict[str, subprocess.Popen[str]] = {}
    points: list[Point] = []
    try:
        for mode in MODES:
            command = [sys.executable, "-m", __spec__.name, "--workers", str(args.workers)]
            servers[mode] = subprocess.Popen(
                [*command, "--serve", model, mode], stdout=subprocess.PIPE, text=True
            )
        urls = {mode: address(server) for mode, server in servers.items()}
        over = dict.fromkeys(MODES, 0)
        for sessions in args.levels:
            for mode in MODES:
                if over[mode] >= args.patience:
                    continue
                point = level(model, mode, urls[mode], sessions, args.seconds)
                print(asdict(point), file=sys.stderr, flush=True)
                points.append(point)
                over[mode] += point.p95 > LIMIT
    finally:
        for server in servers.values():
            server.terminate()
            server.wait()
    return points


def address(server: subprocess.Popen[str]) -> str:
    """What a server prints first."""
    assert server.stdout is not None
    return server.stdout.readline().strip()


def level(model: str, mode: str, url: str, sessions: int, seconds: float) -> Point:
    """So many clients for so long."""
    before = metrics(url)
    latencies = np.array(asyncio.run(speak_all(url, sessions, seconds)))
    after = metrics(url)
    added = {name: after[name] - before.get(name, 0.0) for name in after}
    steps = added['secousti_batch_sessions_count{stage="decode"}']
    p50, p95, p99 = (float(np.quantile(latencies, q)) for q in (0.5, 0.95, 0.99))
    return Point(
        model,
        mode,
        sessions,
        p50,
        p95,
        p99,
        cpu=added["process_cpu_seconds_total"] / (sessions * seconds),
        batch=added['secousti_batch_sessions_sum{stage="decode"}'] / steps,
    )


def metrics(url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


async def speak_all(url: str, sessions: int, seconds: float) -> list[float]:
    speech, rate = soundfile.read(SPEECH, dtype="float32")
    sound = np.resize(speech, int(seconds * rate))
    talks = [speak(url, sound, rate, 0.0464 * i / sessions) for i in range(sessions)]
    return [latency for talk in await asyncio.gather(*talks) for latency in talk]


async def speak(url: str, sound: np.ndarray, rate: int, offset: float) -> list[float]:
    """One client in real time; the latencies of its tokens once it has settled."""
    size = int(CHUNK * rate)
    sent: list[float] = []  # when the packet with so many samples left
    arrived: list[float] = []  # when the sound of each token came
    form = pcm(rate)
    async with AsyncStream(url, kind="roundtrip", input=form, output=form) as stream:

        async def listen() -> None:
            tokens = 0
            async for event in stream:
                if isinstance(event, Tokens):
                    tokens = len(event.codes)
                elif isinstance(event, Audio):
                    arrived.extend([time.perf_counter()] * tokens)
                    tokens = 0

        listening = asyncio.create_task(listen())
        await asyncio.sleep(offset)
        begun = time.perf_counter()
        for i in range(0, len(sound), size):
            due = begun + (i + size) / rate  # a microphone gives what has been spoken
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent.append(time.perf_counter())
            await stream.send(sound[i : i + size])
        await stream.end()
        await listening
        ends = completion(stream.ready["model"], rate, size, len(arrived))
    settled = int(SETTLE / CHUNK)
    pairs = zip(ends, arrived, strict=True)
    return [at - sent[chunk] for chunk, at in pairs if settled <= chunk < len(sent) - 1]


def completion(model: dict, rate: int, size: int, tokens: int) -> list[int]:
    """Which packet completes each token."""
    from secousti.audio.resample import SincResampler

    resampler = SincResampler(rate, model["sample_rate"])
    wanted = [(k + 1) * model["frame_size"] for k in range(tokens)]
    if resampler.orig != resampler.new:
        width, orig, new = resampler.width, resampler.orig, resampler.new
        wanted = [width + (w - 1) * orig // new + 1 for w in wanted]
    return [(w - 1) // size for w in wanted]


def report(points: list[Point]) -> str:
    """The sessions each model holds, then every level."""
    summary = []
    for model in dict.fromkeys(p.model for p in points):
        row = [f"`{model}`"]
        for mode in MODES:
            held = [p for p in points if (p.model, p.mode) == (model, mode) and p.p95 <= LIMIT]
            best = max(held, key=lambda p: p.sessions, default=None)
            row += ["0", "-"] if best is None else [str(best.sessions), f"{1e3 * best.p95:.0f}"]
        summary.append(row)
    header = ["model", "sessions, batched", "p95 ms", "sessions, one by one", "p95 ms"]
    levels = [
        [
            f"`{p.model}`",
            p.mode,
            str(p.sessions),
            *(f"{1e3 * value:.0f}" for value in (p.p50, p.p95, p.p99)),
            f"{p.cpu:.3f}",
            f"{p.batch:.1f}",
        ]
        for p in points
    ]
    columns = ["model", "steps", "sessions", "p50 ms", "p95 ms", "p99 ms", "CPU per s", "batch"]
    return markdown(header, summary) + "\n\n" + markdown(columns, levels)


if __name__ == "__main__":
    main()
