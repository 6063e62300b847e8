"""Hours of audio a core tokenizes in an hour: ``secousti extract`` beside two plain loops.

    python -m benchmarks.extraction [--turns 3] [--minutes 4] [--markdown docs/tables/extraction.md]

Real recordings (SECOUSTI_SPEECH or ../shared/speech), random weights (speed does not depend on
them), candidates in turn, each in a process of its own with one thread; every candidate reads,
decodes and resamples the same files. Core-hours are processor time: the figures hold on a
machine that is doing other things, if less well than on an idle one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import markdown, peak_mb, publish

ROOT = Path(__file__).parents[1]
CONFIGS = {"mini": "mini_21hz", "full": "secousti_21hz"}
CANDIDATES = [
    *(f"{what}/{size}" for size in CONFIGS for what in ("extract", "extract-voice", "loop")),
    "mimi/loop",
]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """A JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def manifest(minutes: float, folder: Path) -> tuple[Path, float]:
    """Recordings of about ``minutes`` in all, spread over the training list."""
    root = Path(os.environ.get("SECOUSTI_SPEECH", ROOT / "corpora" / "mini"))
    rows = read_lines(root / "train.jsonl")
    rows = [row for row in rows if row["duration"] > 1.5]
    mean = sum(row["duration"] for row in rows) / len(rows)
    chosen = rows[:: max(1, int(len(rows) * mean / (60 * minutes)))]
    path = folder / "rows.jsonl"
    lines = [json.dumps({**row, "audio": str(root / row["audio"])}) for row in chosen]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "warm.jsonl").write_text(f"{lines[0]}\n", encoding="utf-8")
    return path, sum(row["duration"] for row in chosen)


def save_models(folder: Path) -> None:
    """The mini and the full-size codec with random weights and no vocoder."""
    from dataclasses import replace

    from secousti import SecoustiCodec
    from secousti.config import load_codec_config

    for size, name in CONFIGS.items():
        torch.manual_seed(0)
        config = load_codec_config(ROOT / "configs" / f"{name}.yaml")
        SecoustiCodec(replace(config, vocoder=None)).save_pretrained(folder / size)


Run = Callable[[Path], None]  # through the recordings of a manifest


def extract_all(model: Path, folder: Path, voice: bool) -> Run:
    """What one worker of ``secousti extract`` does once its model is loaded, journal included."""
    from secousti.extraction.inputs import open_source
    from secousti.extraction.journal import Journal, Record
    from secousti.extraction.settings import CodecFacts, Settings, identity
    from secousti.extraction.shard import Job, ShardMaker

    settings = Settings(str(model), voice=voice, shard_size=500)
    codec = settings.load_codec()
    facts = CodecFacts.of(codec)
    Settings.load_codec = lambda *_: codec  # type: ignore[method-assign]

    def run(rows: Path) -> None:
        out = folder / f"out-{rows.stem}"
        source = open_source(str(rows), out, settings.shard_size)
        make = ShardMaker(Job(source, settings, facts, out))
        journal = Journal(out, identity(settings, facts, source.fingerprint()), lambda _: None)
        for task in source.tasks():
            for event in make(task):
                if isinstance(event, Record):
                    journal.add(event)
        journal.close()

    return run


def ours_loop(model: Path) -> Run:
    """What a user would write: ``encode`` file by file."""
    from secousti import SecoustiCodec

    codec = SecoustiCodec.from_pretrained(model)

    def run(rows: Path) -> None:
        for row in read_lines(rows):
            codec.encode(row["audio"])

    return run


def mimi_loop() -> Run:
    """The same for transformers' Mimi, 8 codebooks."""
    import transformers

    from secousti.audio.io import load_audio
    from secousti.audio.resample import SincResampler

    model = transformers.MimiModel(transformers.MimiConfig()).eval()
    resamplers = {rate: SincResampler(rate, 24000) for rate in (16000, 22050, 24000, 48000)}

    @torch.inference_mode()
    def run(rows: Path) -> None:
        for row in read_lines(rows):
            wav, rate = load_audio(row["audio"])
            model.encode(resamplers[rate](wav)[None, None], num_quantizers=8)

    return run


def measure(name: str, folder: Path) -> dict[str, float]:
    """Run one candidate once, after warming up; processor seconds, wall seconds, peak MiB."""
    what, size, *given = name.split("/")
    rows = folder / f"{given[0] if given else 'rows'}.jsonl"
    with tempfile.TemporaryDirectory(dir=folder) as out:
        run: Run
        if what == "mimi":
            run = mimi_loop()
        elif what == "loop":
            run = ours_loop(folder / size)
        else:
            run = extract_all(folder / size, Path(out), what == "extract-voice")
        run(folder / "warm.jsonl")
        wall, cpu = time.perf_counter(), time.process_time()
        run(rows)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"cpu": cpu, "wall": wall, "peak": peak_mb()}


def alone(name: str, folder: Path) -> dict[str, float]:
    """``measure`` in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, "--only", name, "--folder", str(folder)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return found


def turns(folder: Path, count: int) -> dict[str, dict[str, float]]:
    """Medians over ``count`` interleaved turns."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CANDIDATES}
    for turn in range(count):
        for name in CANDIDATES:
            found[name].append(alone(name, folder))
            print(f"turn {turn + 1}: {name} {found[name][-1]}", file=sys.stderr, flush=True)
    return {
        name: {key: statistics.median(s[key] for s in samples) for key in samples[0]}
        for name, samples in found.items()
    }


def report(found: dict[str, dict[str, float]], seconds: float, count: int) -> str:
    """The Markdown table."""
    rows = []
    for name, sample in found.items():
        size = name.split("/")[1]
        loop = found.get(f"loop/{size}", {"cpu": float("nan")})["cpu"]
        rows.append(
            [
                name,
                f"{seconds / sample['cpu']:.1f}",
                f"{loop / sample['cpu']:.2f}",
                f"{found['mimi/loop']['cpu'] / sample['cpu']:.2f}",
                f"{sample['peak']:.0f}",
            ]
        )
    header = ["candidate", "hours per core-hour", "x our loop", "x Mimi's loop", "peak MiB"]
    note = f"{seconds / 60:.1f} minutes of speech, medians of {count} interleaved turns, 1 thread."
    return f"{note}\n\n{markdown(header, rows)}"


def journal_overhead(speed: float, shards: int = 2000) -> str:
    """What a shard's journal line and a restart cost, beside the work of a shard.

    ``speed``: seconds of audio a second. The shards are those of ``--shard-size`` 2000 with
    utterances of 5 s.
    """
    from secousti.extraction.journal import Journal, Record, locked

    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "o"
        with locked(out):
            journal = Journal(out, {"layout": 1}, lambda _: None)
            (out / "shards").mkdir()
            start = time.perf_counter()
            for i in range(shards):
                (out / "shards" / f"{i:06d}.parquet").write_bytes(b"x")
                journal.add(Record(i, {f"{i:06d}.parquet": 1}, "0" * 32, 2000, 200_000, 1e4))
            each = (time.perf_counter() - start) / shards
            journal.close()
            start = time.perf_counter()
            assert len(Journal(out, {"layout": 1}, lambda _: None).done) == shards
            again = time.perf_counter() - start
    work = 2000 * 5 / speed
    return (
        f"Journalling a shard takes {1e3 * each:.2f} ms (mean of {shards}, fsync included), "
        f"{100 * each / work:.4f} % of the {work:.0f} s that 2,000 utterances of 5 s take "
        f"(mini, tokens only). Starting again with {shards} shards done takes {again:.2f} s, "
        f"{100 * again / (shards * work):.5f} % of their work."
    )


def memory(folder: Path, minutes: float) -> str:
    """Peak memory of the mini model on the same recordings once, twice, ... eight times.

    Other, longer recordings would show how long the longest one is, not how memory grows.
    """
    path, seconds = manifest(minutes, folder)
    rows = read_lines(path)
    table = []
    for times in (1, 2, 4, 8):
        again = [{**row, "id": f"{n}-{i}"} for n in range(times) for i, row in enumerate(rows)]
        longer = folder / f"grown-{times}.jsonl"
        longer.write_text("".join(json.dumps(row) + "\n" for row in again), encoding="utf-8")
        found = alone(f"extract/mini/grown-{times}", folder)
        table.append([f"{times * seconds / 60:.0f}", f"{found['peak']:.0f}"])
    return markdown(["minutes of speech", "peak MiB"], table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--memory-minutes", type=float, default=30.0, help="smallest corpus")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--markdown", type=Path, help="also write the table there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.only:
        print(json.dumps(measure(args.only, args.folder)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, seconds = manifest(args.minutes, folder)
        save_models(folder)
        found = turns(folder, args.turns)
        text = report(found, seconds, args.turns)
        speed = seconds / found["extract/mini"]["cpu"]
        grown = memory(folder, args.memory_minutes)
    text = f"{text}\n\n{grown}\n\n{journal_overhead(speed)}"
    publish(text, args.markdown)


if __name__ == "__main__":
    main()
