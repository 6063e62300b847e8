"""Where the bits of speech go: files of 1, 3, 7 and 30 s, and a packet of 237 bytes.

    python -m benchmarks.bits MANIFEST.jsonl ROOT

For each length the recordings of the manifest are joined end to end and cut into pieces of it (at
most ``--pieces``); a row is the mean over pieces. Codec2, Opus and Speex in their own containers,
where their programs are installed. Also what a token costs with each way to store it, and the time
a learned token takes.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from secousti import load_codec
from secousti.audio.resample import SincResampler
from secousti.base import Codec
from secousti.container import Accounting, Writer
from secousti.container.encoded import codec_header, encoded_events
from secousti.errors import SecoustiError
from secousti.evaluation.audio import Audio
from secousti.evaluation.codecs.classic import Codec2, Opus, Speex, ToolCodec
from secousti.files.packets import packet_codec
from secousti.voice import quantize

LENGTHS = (1, 3, 7, 30)
PACKET = 237
RATE = 16000
OURS = ("mini-21hz", "mini-86hz", "p2psyn-mini-16k")


def speech(manifest: Path, root: Path) -> NDArray[np.float32]:
    """Every recording, end to end, at 16 kHz."""
    import soundfile

    parts = []
    for line in manifest.read_text(encoding="utf-8").splitlines():
        samples, rate = soundfile.read(root / json.loads(line)["audio"], dtype="float32")
        mono = torch.from_numpy(samples.reshape(len(samples), -1).mean(1))
        parts.append(SincResampler(rate, RATE)(mono[None])[0].numpy())
    return np.concatenate(parts)


def pieces(samples: NDArray[np.float32], seconds: int, most: int) -> list[NDArray[np.float32]]:
    size = seconds * RATE
    found = [samples[i : i + size] for i in range(0, len(samples) - size + 1, size)]
    return found[:: max(1, len(found) // most)][:most]


def ours(codec: Codec, piece: NDArray[np.float32], entropy: str | None) -> Accounting:
    """The bits of a file."""
    encoded = codec.encode(torch.from_numpy(piece), sample_rate=RATE)
    header = codec_header(codec, payload=entropy, source_sample_rate=RATE)
    writer = Writer(io.BytesIO(), header, coder=codec.coder)
    for event in encoded_events(encoded, len(piece)):
        writer.put(event)
    return writer.bits


def row(name: str, parts: list[Accounting]) -> None:
    whole = [bits.total / 8 for bits in parts]
    mean = [float(np.mean(values)) / 8 for values in zip(*map(_apart, parts), strict=True)]
    told = " ".join(f"{value:8.1f}" for value in (float(np.mean(whole)), *mean))
    print(f"  {name:22} {told}")


def _apart(bits: Accounting) -> tuple[float, float, float]:
    return bits.tokens, bits.side_information, bits.container


def classic(piece: NDArray[np.float32]) -> dict[str, Accounting]:
    """Codecs of others in their own containers; those that are not installed are left out."""
    found = {}
    codecs: dict[str, Callable[[], ToolCodec]] = {
        "Codec2 700C": functools.partial(Codec2, "700C"),
        "Codec2 3200": functools.partial(Codec2, "3200"),
        "Opus 6k": Opus,
        "Speex 2.15k": Speex,
    }
    for name, make in codecs.items():
        try:
            codec = make()
            codec.check()
            bits = codec.code(Audio(piece, RATE)).bits
        except SecoustiError:
            continue
        found[name] = Accounting(int(bits.tokens), int(bits.side_information), int(bits.container))
    return found


def seconds_in_packets(codec: Codec, samples: NDArray[np.float32]) -> tuple[float, float]:
    """Speech in a full packet of 237 bytes, mean and least, in seconds."""
    encoded = codec.encode(torch.from_numpy(samples), sample_rate=RATE)
    voice = None
    if encoded.paralinguistic is not None:
        voice = quantize(encoded.paralinguistic[0]).numpy()
    packets = packet_codec(codec)
    made = list(packets.split(encoded.codes[0].numpy(), voice, PACKET))[:-1]
    held = [packet[0] / codec.frame_rate for packet in made]
    return float(np.mean(held)), min(held)


def per_token(codec: Codec, samples: NDArray[np.float32]) -> None:
    """Bits and milliseconds of a token, stored in each way."""
    if codec.coder is None or codec.coder.network is None:
        return
    tokens = (
        codec.encode(torch.from_numpy(samples), sample_rate=RATE).codes[0].numpy().T.reshape(-1)
    )
    began = time.process_time()
    data = codec.coder.start().compress(tokens)
    middle = time.process_time()
    codec.coder.start().decompress(data, len(tokens))
    ended = time.process_time()
    told = [1e3 * (b - a) / len(tokens) for a, b in ((began, middle), (middle, ended))]
    print(
        f"  {codec.model_id}: {8 * len(data) / len(tokens):.2f} bits a learned token, "
        f"{told[0]:.3f} ms to write and {told[1]:.3f} ms to read one"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--pieces", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    samples = speech(arguments.manifest, arguments.root)
    codecs = {name: load_codec(name) for name in OURS}
    for seconds in LENGTHS:
        print(f"{seconds} s: bytes of the file, of them tokens, voice, container")
        cut = pieces(samples, seconds, arguments.pieces)
        for name, codec in codecs.items():
            row(name, [ours(codec, piece, None) for piece in cut])
        others = [classic(piece) for piece in cut]
        for name in others[0]:
            row(name, [found[name] for found in others])
    minute = samples[: 60 * RATE]
    print(f"speech in a packet of {PACKET} bytes, mean and least of a minute:")
    for name, codec in codecs.items():
        mean, least = seconds_in_packets(codec, minute)
        print(f"  {name}: {mean:.1f} s, {least:.1f} s")
    print("a token, over a minute, CPU time of one thread:")
    for codec in codecs.values():
        per_token(codec, minute)


if __name__ == "__main__":
    main()
