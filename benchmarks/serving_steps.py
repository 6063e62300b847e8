"""Processor time of one step for so many sessions: as one batch, and one session after another.

Encoder, decoder and vocoder for one token of every session, in turns, one thread. Unlike latency
this can be measured while a machine does other things:

    python -m benchmarks.serving_steps [--models mini-21hz] [--rounds 12]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.measure import markdown
from secousti import SecoustiCodec, StreamDecoder, StreamEncoder
from secousti.serve.models import bundled_codecs
from secousti.sessions.together import decode_together, encode_together

SESSIONS = (1, 2, 4, 8, 16)
SETTLE = 2  # rounds that do not count


class Room:
    """So many streams that all receive the samples of one more token at every round."""

    def __init__(self, codec: SecoustiCodec, sessions: int) -> None:
        self.encoders = [StreamEncoder(codec) for _ in range(sessions)]
        self.decoders = [StreamDecoder(codec) for _ in range(sessions)]
        self.sound = 0.1 * torch.randn(codec.frame_size)

    def receive(self) -> None:
        for encoder in self.encoders:
            encoder.receive(self.sound)

    def together(self) -> None:
        decode_together(self.decoders, encode_together(self.encoders, 1))

    def one_by_one(self) -> None:
        for encoder, decoder in zip(self.encoders, self.decoders, strict=True):
            decode_together([decoder], encode_together([encoder], 1))


def seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(codec: SecoustiCodec, sessions: int, rounds: int) -> tuple[float, float]:
    """Median seconds of a step: as one batch, and one by one."""
    batched, single = [], []
    rooms = Room(codec, sessions), Room(codec, sessions)
    for number in range(SETTLE + rounds):
        for room in rooms:
            room.receive()
        times = seconds(rooms[0].together), seconds(rooms[1].one_by_one)
        if number >= SETTLE:
            batched.append(times[0])
            single.append(times[1])
    return statistics.median(batched), statistics.median(single)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=None, help="default: every bundled one")
    parser.add_argument("--rounds", type=int, default=12)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in args.models or bundled_codecs():
        codec = SecoustiCodec.from_pretrained(name)
        for sessions in SESSIONS:
            batched, single = measure(codec, sessions, args.rounds)
            share = 1 / codec.frame_rate
            rows.append(
                [
                    f"`{name}`",
                    str(sessions),
                    f"{1e3 * batched:.1f}",
                    f"{1e3 * single:.1f}",
                    f"{single / batched:.1f}",
                    f"{batched / share:.0%}",
                    f"{single / share:.0%}",
                ]
            )
    header = ["model", "sessions", "batched, ms", "one by one, ms", "ratio"]
    print(markdown([*header, "of a core, batched", "one by one"], rows))


if __name__ == "__main__":
    main()
