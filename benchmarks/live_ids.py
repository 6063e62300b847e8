"""Ids of live streams against those of the whole recording, over hours of sound.

    python -m benchmarks.live_ids [--models mini-21hz] [--hours 10] [--progress FILE]

Recordings of SECOUSTI_SPEECH (or corpora/mini), all lists, and as many minutes of synthetic
sound (noise of wandering level, sweeps, clicks, silence) make streams of ten minutes
(``--minutes``). ``--rows`` of them are encoded whole, with one thread or two, and live: one
``StreamEncoder`` takes them all, each in chunks of its own (``CHUNKS``). Every tenth time the
packed codec (``for_streaming``) takes one of them instead. Prints, per model, the ids compared,
those that differ, how near to a boundary the values come that are rounded to digits, and by how
much those of the packed codec differ. ``--progress`` keeps what is done: the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from secousti import load_codec
from secousti.atomic import write_text
from secousti.audio.io import load_audio
from secousti.audio.resample import SincResampler
from secousti.base import Codec
from secousti.sessions.encoder import StreamEncoder

ROOT = Path(__file__).parents[1]
CHUNKS = (1024, 4096, 7777, 1501, 22050, 2048, 9999, 4096, 22050, 1024, 7777, 160)
PACKED_EVERY = 10  # rounds


@dataclass
class Found:
    """What has been compared so far; ``turn`` counts the rounds of ``rows`` streams."""

    turn: int = 0
    seconds: float = 0.0
    speech: float = 0.0
    packed: float = 0.0
    ids: int = 0
    different: int = 0
    near_4: int = 0
    near_6: int = 0
    nearest: float = 1.0
    noise: float = 0.0


class Values:
    """What a codec's quantizer rounds, call by call; ids stay as they are."""

    def __init__(self, codec: Codec) -> None:
        self.kept: list[Tensor] = []
        quantizer = getattr(codec, "quantizer", None)
        self._bound = getattr(quantizer, "bound", None)
        if self._bound is not None:
            quantizer.bound = self  # type: ignore[union-attr]

    def __call__(self, z: Tensor) -> Tensor:
        assert self._bound is not None
        found: Tensor = self._bound(z)
        self.kept.append(found.detach())
        return found

    def take(self) -> Tensor:
        """[B, L, digits] since the last call."""
        kept, self.kept = self.kept, []
        return torch.cat(kept, dim=1) if kept else torch.zeros(0, 0, 0)


def spoken(rate: int) -> Iterator[Tensor]:
    """Endless recordings [N] at ``rate`` Hz."""
    root = Path(os.environ.get("SECOUSTI_SPEECH", ROOT / "corpora" / "mini"))
    lists = sorted(root.glob("*.jsonl"))
    names = {json.loads(line)["audio"] for file in lists for line in file.open(encoding="utf-8")}
    while True:
        for name in sorted(names):
            wav, own = load_audio(root / name)
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


def streams(sounds: Iterator[Tensor], samples: int) -> Iterator[Tensor]:
    """The same in pieces of so many samples."""
    left = next(sounds)
    while True:
        while len(left) < samples:
            left = torch.cat([left, next(sounds)])
        yield left[:samples]
        left = left[samples:]


def live(codec: Codec, wavs: Tensor, chunks: list[int]) -> Tensor:
    """Codes [B, K, L] of streams [B, N], each pushed in chunks of its own size."""
    stream, (rows, total) = StreamEncoder(codec, batch_size=len(wavs)), wavs.shape
    found: list[list[Tensor]] = [[] for _ in range(rows)]
    for start in range(0, total, max(chunks)):
        parts = wavs[:, start : start + max(chunks)]
        pushes = [part.split(size) for part, size in zip(parts, chunks, strict=True)]
        for turn in range(max(map(len, pushes))):
            given = [p[turn] if turn < len(p) else None for p in pushes]
            for kept, tokens in zip(found, stream.push_rows(given), strict=True):
                kept.append(tokens)
    for kept, tokens in zip(found, stream.flush_rows(), strict=True):
        kept.append(tokens)
    codes = torch.stack([torch.cat(kept, dim=-1) for kept in found])
    return codes[:, None] if codes.dim() == 2 else codes


def compare(codec: Codec, packed: Codec, wavs: Tensor, values: Values, found: Found) -> None:
    """One round: ``found`` grows by it."""
    torch.set_num_threads(1 + found.turn % 2)
    whole = codec.encode(wavs, codec.sample_rate, voice=False).codes
    offline = values.take()
    torch.set_num_threads(1)
    chunks = [CHUNKS[(found.turn + row) % len(CHUNKS)] for row in range(len(wavs))]
    seconds = wavs.shape[1] / codec.sample_rate
    alone = found.turn % PACKED_EVERY == PACKED_EVERY - 1
    online = live(packed, wavs[:1], chunks[:1]) if alone else live(codec, wavs, chunks)
    if alone:
        found.packed += seconds
        if offline.numel():
            apart = (values.take() - offline[:1]).abs()
            found.noise = max(found.noise, float(apart.max()))
    values.kept.clear()
    if offline.numel():
        apart = (offline[: len(online)].double() % 1 - 0.5).abs()
        found.near_4 += int((apart < 1e-4).sum())
        found.near_6 += int((apart < 1e-6).sum())
        found.nearest = min(found.nearest, float(apart.min()))
    found.ids += online.numel()
    found.different += int((online != whole[: len(online)]).sum())
    found.seconds += len(online) * seconds
    found.speech += (1 if alone else len(online) / 2) * seconds
    found.turn += 1


def report(name: str, found: Found) -> str:
    """A line."""
    return (
        f"{name}: {found.seconds / 3600:.2f} h ({found.speech / 3600:.2f} of speech, "
        f"{found.packed / 3600:.2f} packed), {found.different} of {found.ids} ids differ; "
        f"{found.near_4} digits within 1e-4 of a boundary, {found.near_6} within 1e-6, "
        f"the nearest {found.nearest:.1e}; largest difference {found.noise:.1e} packed"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["mini-21hz", "mini-86hz"])
    parser.add_argument("--hours", type=float, default=1.0, help="of sound, for each model")
    parser.add_argument("--minutes", type=float, default=10.0, help="of a stream")
    parser.add_argument("--rows", type=int, default=6, help="streams at once, half of speech")
    parser.add_argument("--progress", type=Path, help="JSON file of what is done")
    args = parser.parse_args()
    kept = args.progress is not None and args.progress.exists()
    state = json.loads(args.progress.read_text()) if kept else {}
    for name in args.models:
        codec = load_codec(name)
        packed, values = codec.for_streaming(), Values(codec)
        found = Found(**state.get(name, {}))
        samples, half = int(60 * args.minutes * codec.sample_rate), max(1, args.rows // 2)
        kinds = (spoken(codec.sample_rate), synthetic(codec.sample_rate))
        sources = [islice(streams(kind, samples), found.turn * half, None) for kind in kinds]
        while found.seconds < 3600 * args.hours:
            wavs = torch.stack([next(source) for source in sources for _ in range(half)])
            compare(codec, packed, wavs, values, found)
            state[name] = asdict(found)
            if args.progress:
                write_text(args.progress, json.dumps(state, indent=1))
            print(report(name, found), flush=True)


if __name__ == "__main__":
    main()
