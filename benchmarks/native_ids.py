"""Ids, voices and speed of the C encoder (``secousti/native/encoder.h``) beside Python's.

    python -m benchmarks.native_ids MANIFEST [--limit 60] [--models mini-21hz ...]

``--limit`` recordings, spread evenly over the manifest, are encoded at their own rates by Python
as a whole, and by C as a whole and in random chunks of at most 100 ms. Prints per model how many
ids and voices differ, and how much sound one core encodes in a second of its time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from secousti import load_codec
from secousti.audio.io import load_audio
from secousti.base import Codec
from secousti.export.native import export_native
from secousti.manifest import Entry, read_manifest
from secousti.voice import quantize
from tests.native import encoding

CHUNK = 0.1  # seconds at most
MODELS = ["mini-21hz", "mini-86hz", "p2psyn-mini-16k"]


@dataclass
class Found:
    """What has been compared so far."""

    recordings: int = 0
    seconds: float = 0.0
    ids: int = 0
    different: int = 0
    of_chunks: int = 0  # ids of chunks that differ from those of the whole
    spoke: int = 0  # voices
    voices: int = 0  # that differ
    numbers: int = 0  # of voices that differ
    python: float = 0.0  # seconds of the processor's time
    whole: float = 0.0
    chunks: float = 0.0

    def __str__(self) -> str:
        speeds = (self.seconds / spent for spent in (self.python, self.whole, self.chunks))
        return (
            f"{self.recordings} recordings, {self.seconds:.0f} s: of {self.ids} ids "
            f"{self.different} differ ({self.of_chunks} in chunks), of {self.spoke} voices "
            f"{self.voices} ({self.numbers} numbers); seconds of sound in one: "
            + "Python {:.0f}, C {:.0f}, C in chunks {:.0f}".format(*speeds)
        )


def spread(entries: list[Entry], limit: int) -> list[Entry]:
    """``limit`` of them, evenly spread."""
    count = min(limit, len(entries))
    return [entries[i * len(entries) // count] for i in range(count)]


def pieces(samples: NDArray[np.float32], rate: int) -> Iterator[NDArray[np.float32]]:
    """Chunks of random sizes."""
    rng, start = np.random.default_rng(len(samples)), 0
    while start < len(samples):
        size = int(rng.integers(1, max(2, int(CHUNK * rate))))
        yield samples[start : start + size]
        start += size


def differing(a: NDArray, b: NDArray) -> int:
    """Numbers of the longer one that the other does not have at their place."""
    shared = min(len(a), len(b))
    return int((a[:shared] != b[:shared]).sum()) + max(len(a), len(b)) - shared


def compare(codec: Codec, encoder: encoding.Encoder, audio: tuple, found: Found) -> None:
    """One recording through both."""
    samples, rate = audio[0].numpy(), audio[1]
    times = [time.process_time()]
    encoded = codec.encode(audio)
    times.append(time.process_time())
    encoder.expect(len(samples))
    ids = encoder.encode([samples])
    voice = encoder.voice() if codec.voice_size else None
    times.append(time.process_time())
    chunked = encoder.encode(pieces(samples, rate))
    times.append(time.process_time())
    python, whole, chunks = np.diff(times)
    if voice is not None and encoded.paralinguistic is not None:
        off = differing(voice, quantize(encoded.paralinguistic)[0].numpy())
        found.spoke += 1
        found.voices += off > 0
        found.numbers += off
    expected = encoded.codes[0].T.flatten().numpy()
    found.recordings += 1
    found.seconds += len(samples) / rate
    found.ids += len(expected)
    found.different += differing(ids, expected)
    found.of_chunks += differing(ids, chunked)
    found.python += python
    found.whole += whole
    found.chunks += chunks


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--models", nargs="+", default=MODELS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    entries = spread(list(read_manifest(arguments.manifest)), arguments.limit)
    with tempfile.TemporaryDirectory() as folder:
        lib = encoding.build(Path(folder, "encoder.so"))
        for model in arguments.models:
            codec, found = load_codec(model), Found()
            weights = export_native(codec, Path(folder, f"{model}.sctm"))
            for entry in entries:
                audio = load_audio(entry.location)
                compare(codec, encoding.Encoder(lib, weights, audio[1]), audio, found)
            print(f"{model}: {found}", flush=True)


if __name__ == "__main__":
    main()
