"""Ids of live streams against those of the whole recording, over hours of sound.

    python -m benchmarks.live_ids [--models mini-21hz] [--hours 1] [--chunks 160 1024 7777]

Recordings of SECOUSTI_SPEECH (or corpora/mini), one after another as streams of ten minutes
(``--minutes``), and as many minutes of synthetic sound (noise of wandering level, sweeps, clicks,
silence). Each stream is encoded whole and live in chunks of every size. Prints, per model, the
ids compared, those that differ, and how many digits lie nearer to a boundary than 1e-4 and 1e-6:
float32 noise of one path or the other can move only those.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from secousti import load_codec
from secousti.audio.io import load_audio
from secousti.audio.resample import SincResampler
from secousti.base import Codec
from secousti.sessions.encoder import StreamEncoder

ROOT = Path(__file__).parents[1]
NEAR = (1e-4, 1e-6)


class Nearness:
    """Counts the digits of a codec's quantizer that lie near a boundary; ids stay as they are."""

    def __init__(self, codec: Codec) -> None:
        self.digits, self.near = 0, [0] * len(NEAR)
        quantizer = getattr(codec, "quantizer", None)
        self._bound = getattr(quantizer, "bound", None)
        if self._bound is not None:
            quantizer.bound = self  # type: ignore[union-attr]

    def __call__(self, z: Tensor) -> Tensor:
        assert self._bound is not None
        found: Tensor = self._bound(z)
        apart = (found.double() - found.double().floor() - 0.5).abs()
        self.digits += apart.numel()
        for i, limit in enumerate(NEAR):
            self.near[i] += int((apart < limit).sum())
        return found


def spoken(rate: int) -> Iterator[Tensor]:
    """Endless recordings [N] at ``rate`` Hz."""
    root = Path(os.environ.get("SECOUSTI_SPEECH", ROOT / "corpora" / "mini"))
    lines = (root / "valid.jsonl").read_text(encoding="utf-8").splitlines()
    while True:
        for line in lines:
            wav, own = load_audio(root / json.loads(line)["audio"])
            yield SincResampler(own, rate)(wav)


def synthetic(rate: int) -> Iterator[Tensor]:
    """Endless sound [N] that nobody said."""
    draw = torch.Generator().manual_seed(0)
    time = torch.arange(5 * rate) / rate
    while True:
        level, speed = torch.rand(2, generator=draw).tolist()
        noise = torch.randn(len(time), generator=draw) * level * torch.sin(speed * time) ** 2
        yield 0.3 * noise.clamp(-3, 3)
        yield 0.5 * level * torch.sin(2 * torch.pi * (80 + 700 * speed * time) * time)
        clicks = torch.zeros(len(time))
        clicks[torch.randint(len(time), (9,), generator=draw)] = 1.0
        yield clicks
        yield torch.zeros(rate)


def streams(sounds: Iterator[Tensor], samples: float) -> Iterator[Tensor]:
    """The same in pieces of at least so many samples."""
    while True:
        parts, length = [], 0
        while length < samples:
            parts.append(next(sounds))
            length += len(parts[-1])
        yield torch.cat(parts)


def live(codec: Codec, wav: Tensor, chunk: int) -> Tensor:
    """Codes [K, L] of a stream pushed chunk by chunk."""
    stream = StreamEncoder(codec)
    pieces = [stream.push(part) for part in wav.split(chunk)]
    return torch.cat([*pieces, stream.flush()], dim=-1)[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["mini-21hz", "mini-86hz"])
    parser.add_argument("--hours", type=float, default=1.0, help="of sound, for each model")
    parser.add_argument("--minutes", type=float, default=10.0, help="of a stream")
    parser.add_argument("--chunks", nargs="+", type=int, default=[160, 1024, 7777])
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.models:
        codec = load_codec(name)
        rate, nearness = codec.sample_rate, Nearness(codec)
        samples = 60 * args.minutes * rate
        sources = [streams(spoken(rate), samples), streams(synthetic(rate), samples)]
        ids, different, seconds = 0, 0, 0.0
        for number in range(max(1, round(args.hours * 60 / args.minutes))):
            wav = next(sources[number % 2])
            seconds += len(wav) / rate
            whole = codec.encode(wav, rate).codes[0]
            for chunk in args.chunks:
                streamed = live(codec, wav, chunk)
                ids += whole.numel()
                different += int((streamed != whole).sum())
            near = ", ".join(
                f"{count} of {nearness.digits} digits within {limit:g}"
                for count, limit in zip(nearness.near, NEAR, strict=True)
            )
            print(
                f"{name}: {seconds / 3600:.2f} h, {different} of {ids} ids differ; {near}",
                flush=True,
            )


if __name__ == "__main__":
    main()
