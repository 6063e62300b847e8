"""The program ``sct`` beside ``secousti encode`` and ``secousti decode``, on recordings.

    python -m benchmarks.sct_program MANIFEST [--limit 60] [--models mini-21hz ...]

Every recording becomes a WAV file, which both programs turn into a file and, from a pipe, into a
stream; each file is decoded by both. Prints per model how many files and streams differ in any
byte, how far the sound is apart at most (1 is full scale), and how long ``sct`` takes, its start
included, for a tenth of a second.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.native_ids import MODELS, spread
from secousti import load_codec
from secousti.audio.io import load_audio
from secousti.audio.opening import Rewound, open_audio
from secousti.base import Codec
from secousti.container import Writer
from secousti.container.encoded import codec_coders, codec_header, encoded_events, read_encoded
from secousti.export.native import export_native
from secousti.files.sessions import LATENCY, listen
from secousti.manifest import read_manifest
from tests.native import library


@dataclass
class Found:
    """What has been compared so far."""

    recordings: int = 0
    seconds: float = 0.0
    files: int = 0  # that differ
    streams: int = 0
    apart: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.recordings} recordings, {self.seconds:.0f} s: {self.files} files and "
            f"{self.streams} streams differ; sound at most {self.apart:.1e} apart"
        )


def python_file(codec: Codec, path: Path) -> bytes:
    """What ``secousti encode`` writes of a file."""
    with open_audio(str(path)) as audio:
        encoded, rate = codec.encode_reader(audio), audio.sample_rate
        given = audio.given
    header = codec_header(codec, source_sample_rate=rate, num_samples=int(encoded.num_samples[0]))
    out = io.BytesIO()
    writer = Writer(out, header, coder=codec.coder)
    for event in encoded_events(encoded, given):
        writer.put(event)
    return out.getvalue()


def python_stream(codec: Codec, path: Path) -> bytes:
    """What it writes of a pipe."""
    out = io.BytesIO()
    with path.open("rb") as file, open_audio(Rewound(b"", Pipe(file)), "the pipe") as audio:
        header = codec_header(codec, source_sample_rate=audio.sample_rate)
        usual = int(-(-LATENCY * codec.frame_rate // 1))
        writer = Writer(out, header, usual, codec.coder)
        for event in listen(codec, audio, LATENCY):
            writer.put(event)
            writer.flush()
    return out.getvalue()


class Pipe:
    """A file that cannot be sought in."""

    def __init__(self, file: io.BufferedReader) -> None:
        self.read = file.read


def python_sound(codec: Codec, data: bytes) -> NDArray[np.float32]:
    """What ``secousti decode`` makes of a file."""
    encoded, _ = read_encoded(io.BytesIO(data), coders=codec_coders(codec))
    return codec.decode(encoded)[0, 0].numpy()


def run(*command: str, given: bytes | None = None) -> bytes:
    """Standard output of a program."""
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def compare(codec: Codec, sct: str, weights: str, path: Path, found: Found) -> None:
    """One recording through both."""
    theirs = python_file(codec, path)
    found.files += run(sct, "encode", weights, str(path), "-") != theirs
    ours = run(sct, "encode", weights, "-", "-", given=path.read_bytes())
    found.streams += ours != python_stream(codec, path)
    heard = soundfile.read(io.BytesIO(run(sct, "decode", weights, "-", "-", given=theirs)))[0]
    expected = python_sound(codec, theirs)
    assert heard.shape == expected.shape
    found.apart = max(found.apart, float(np.abs(heard - expected).max()))
    found.recordings += 1
    found.seconds += len(expected) / codec.sample_rate


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--models", nargs="+", default=MODELS)
    args = parser.parse_args()
    entries = spread(list(read_manifest(args.manifest)), args.limit)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sct = str(library.program(folder / "sct"))
        for model in args.models:
            codec, found = load_codec(model), Found()
            weights = str(export_native(codec, folder / f"{model}.sctm"))
            times = []
            for entry in entries:
                samples, rate = load_audio(entry.location)
                path = folder / "recording.wav"
                soundfile.write(path, samples.numpy(), rate, subtype="PCM_16")
                compare(codec, sct, weights, path, found)
            soundfile.write(path, np.zeros(rate // 10), rate, subtype="PCM_16")
            for _ in range(9):
                start = time.perf_counter()
                tokens = run(sct, "encode", weights, str(path), "-")
                middle = time.perf_counter()
                run(sct, "decode", weights, "-", "-", given=tokens)
                times.append((middle - start, time.perf_counter() - middle))
            start, end = (1000 * float(np.median(column)) for column in zip(*times, strict=True))
            print(f"{model}: {found}; 0.1 s is encoded in {start:.0f} ms, decoded in {end:.0f} ms")


if __name__ == "__main__":
    main()
