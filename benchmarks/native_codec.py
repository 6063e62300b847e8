"""Speed, start and size of the C codec (``secousti/native/sct.h``) beside the packed codec's.

    python -m benchmarks.native_codec [--models mini-21hz mini-86hz] [--tokens 300]

A stream of ``examples/speech.wav``, over and over, a token at a time on one core: encoded and
decoded in C, and by the packed codec (``codec.for_streaming``) in float32 and int8, each in turn
for a few tokens. Prints medians of the processor's time a token after every attention window is
full, and how far the sound of C is from that of ``codec.decode``. Start, memory and size are those
of the program of docs/embed.md that decodes, with one token: the processor's time from its start to
its end, the most it had in memory (the weights it reads are mapped, and count), and its bytes
without symbols.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from secousti import StreamDecoder, StreamEncoder, load_codec
from secousti.audio.io import load_audio
from secousti.audio.resample import resampler
from secousti.base import Codec
from secousti.export.native import export_native
from secousti.onecore.linear import Precision
from tests.native import decoding, encoding

SPEECH = Path(__file__).parents[1] / "examples" / "speech.wav"
TURN = 10  # tokens of each in turn
STARTS = 9
SETTLED = 1.0  # seconds after which it waits for the next token
PRECISIONS: tuple[Precision, ...] = ("float32", "int8")


@dataclass
class Way:
    """One way to encode or to decode, a token at a time, and what it took."""

    name: str
    step: Callable[[int], object]
    spent: list[float] = field(default_factory=list)

    def run(self, first: int, count: int, counts: bool) -> None:
        """Tokens ``first`` and so on."""
        for index in range(first, first + count):
            before = time.process_time()
            self.step(index)
            if counts:
                self.spent.append(time.process_time() - before)

    def __str__(self) -> str:
        return f"{self.name} {1000 * statistics.median(self.spent):.2f} ms"


def apart(codec: Codec, library: Path, weights: Path) -> float:
    """How far the sound of both is apart at most; 1 is full scale."""
    encoded = codec.encode(load_audio(SPEECH))
    assert encoded.paralinguistic is not None
    decoder = decoding.Decoder(decoding.Model(library, weights), encoded.paralinguistic[0].numpy())
    found, expected = decoder.decode([encoded.codes[0, 0].numpy()]), codec.decode(encoded)[0, 0]
    return float(np.abs(found[: len(expected)] - expected.numpy()).max())


def ways(codec: Codec, library: Path, weights: Path) -> list[Way]:
    """Encoding and decoding in C, and packed in each precision."""
    given, rate = load_audio(SPEECH)
    sound = resampler(rate, codec.sample_rate)(given)
    size = codec.frame_size
    pieces = [sound[i : i + size] for i in range(0, len(sound) - size + 1, size)]
    encoded = codec.encode((sound, codec.sample_rate))
    tokens = encoded.codes[0, :, : len(pieces)]
    assert encoded.paralinguistic is not None
    voice = encoded.paralinguistic[0].numpy()
    encoder = encoding.Encoder(
        encoding.declared(ctypes.CDLL(str(library))), weights, codec.sample_rate
    )
    decoder = decoding.Decoder(decoding.Model(library, weights), voice)
    samples: list[NDArray[np.float32]] = [piece.numpy() for piece in pieces]
    ids = [tokens[:, i].numpy() for i in range(len(pieces))]
    found = [
        Way("encode, C", lambda i: encoder.push(samples[i % len(samples)])),
        Way("decode, C", lambda i: decoder.push(ids[i % len(ids)])),
    ]
    for precision in PRECISIONS:
        found += packed(codec, precision, pieces, tokens, voice)
    return found


def packed(
    codec: Codec,
    precision: Precision,
    pieces: list[torch.Tensor],
    tokens: torch.Tensor,
    voice: NDArray,
) -> list[Way]:
    """Both directions in Python."""
    fast = codec.for_streaming(precision)
    encoder = StreamEncoder(fast, sample_rate=codec.sample_rate)
    decoder = StreamDecoder(fast, voice)
    return [
        Way(f"encode, packed {precision}", lambda i: encoder.push(pieces[i % len(pieces)])),
        Way(
            f"decode, packed {precision}",
            lambda i: decoder.push(tokens[:, i % len(pieces)][None, :, None]),
        ),
    ]


def speeds(codec: Codec, library: Path, weights: Path, count: int) -> list[Way]:
    """Everybody in turn, so that what else the machine does hits all."""
    everybody = ways(codec, library, weights)
    context = codec.config.transformer.context
    for first in range(0, context + count, TURN):
        for way in everybody:
            way.run(first, TURN, first >= context)
    return everybody


def starts(program: Path, weights: Path) -> tuple[float, float]:
    """Median milliseconds of the processor's time, and megabytes, of decoding one token."""
    times, most = [], 0.0
    for _ in range(STARTS):
        with subprocess.Popen(
            [program, weights], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as process:
            assert process.stdin is not None
            process.stdin.write(b"7\n")
            process.stdin.flush()
            time.sleep(SETTLED)
            most = max(most, peak(process.pid))
            process.stdin.close()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        times.append(1000 * (usage.ru_utime + usage.ru_stime))
    return statistics.median(times), most


def peak(pid: int) -> float:
    """The most megabytes that a process has had in memory."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(x.split()[1]) / 1024 for x in status.splitlines() if x.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["mini-21hz", "mini-86hz"])
    parser.add_argument("--tokens", type=int, default=300)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = decoding.build(folder / "sct.so", *decoding.FLAGS)
        program = decoding.of_page("decode", folder)
        subprocess.run(["strip", program], check=True)
        print(f"the program: {program.stat().st_size / 1024:.0f} KB")
        for model in arguments.models:
            codec = load_codec(model)
            weights = export_native(codec, folder / f"{model}.sctm")
            print(f"{model}: sound at most {apart(codec, library, weights):.1e} from Python's")
            for way in speeds(codec, library, weights, arguments.tokens):
                print(f"{model}: {way}", flush=True)
            spent, most = starts(program, weights)
            print(f"{model}: start to end with one token {spent:.1f} ms, {most:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
