"""Memory of a server whose clients open sessions, say something, and leave without a word.

    python -m benchmarks.abandoned_sessions --sessions 10000

Rounds of sessions, each dropped by closing its socket: half of them before ``start``, the others
after some sound. After each round the server's memory is read: it must not go on growing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from secousti.serve.packets import audio_packet

START = {"type": "start", "kind": "roundtrip", "input": {"format": "s16le", "rate": 16000}}
_SOUND = audio_packet(np.zeros(1600, np.float32), 0, "s16le")


def main() -> None:
    """Print a row a round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--model", default="mini-21hz")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(theirs, options.model), daemon=True)
    server.start()
    port = ours.recv()
    print("| sessions opened and left | MiB |\n|---|---|")
    print(f"| 0 | {_memory(server.pid):.0f} |", flush=True)
    each = options.sessions // options.rounds
    for turn in range(options.rounds):
        for number in range(each):
            _abandon(port, number % 2 == 1)
        ours.send("settle")
        ours.recv()
        print(f"| {(turn + 1) * each} | {_memory(server.pid):.0f} |", flush=True)
    server.terminate()


def _abandon(port: int, speak: bool) -> None:
    """One client, with a socket of its own making: what a broken program does."""
    from websockets.sync.client import connect

    with socket.create_connection(("127.0.0.1", port)) as raw:
        address = f"ws://127.0.0.1:{port}/v1/stream"
        with connect(address, sock=raw, ping_interval=None, close_timeout=0) as client:
            if speak:
                client.send(json.dumps(START))
                client.recv()
                client.send(_SOUND)
            raw.shutdown(socket.SHUT_RDWR)


def _serve(connection: Connection, model: str) -> None:
    import time

    from secousti.serve import ServeOptions, create_app
    from secousti.serve.server import Background

    app = create_app(ServeOptions(models=(model,), max_load=1000.0))
    with Background(app) as server:
        connection.send(server.port)
        while connection.recv() == "settle":
            while app.state.hub.status()["sessions"]:
                time.sleep(0.01)
            connection.send(None)


def _memory(pid: int | None) -> float:
    """Resident memory in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
