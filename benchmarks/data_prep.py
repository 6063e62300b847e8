"""Speed and memory of preparing a corpus and of loading it.

    python -m benchmarks.data_prep MANIFEST.jsonl [--rows 400] [--loads 1500]

Prepares the first rows of the manifest once, then ten times as many (the same audio under other
names), in fresh processes: hours of audio per hour of CPU time of one core, and the peak resident
memory of the largest process. Beside it lhotse's own export of the same rows, which neither checks
audio nor makes phonemes. Then loads shards through the bucketing sampler with 1 and 2 workers,
beside plain decoding of the source files. Figures are medians; loading is timed by the clock, so
run it on a quiet machine.
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
from pathlib import Path

from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).resolve().parents[1]
LHOTSE = """
import json, sys
from lhotse import CutSet, MonoCut, Recording
def cuts():
    for line in open(sys.argv[1]):
        row = json.loads(line)
        audio = Recording.from_file(row["audio"], recording_id=row["id"])
        yield MonoCut(row["id"], 0, audio.duration, 0, recording=audio)
CutSet(cuts()).resample(22050).to_shar(sys.argv[2], {"recording": "flac"}, shard_size=50)
"""


def write_corpus(manifest: Path, target: Path, rows: int, times: int) -> float:
    """Write ``times`` copies of the first rows under different names; returns hours of audio."""
    lines = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()[:rows]]
    with target.open("w", encoding="utf-8") as file:
        for copy in range(times):
            for index, row in enumerate(lines):
                audio = os.path.abspath(manifest.parent / row["audio"])
                file.write(json.dumps(row | {"audio": audio, "id": f"{copy}-{index}"}) + "\n")
    return times * sum(row["duration"] for row in lines) / 3600


def measure(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak resident MB of one run in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def preparing(manifest: Path, rows: int, work: Path, console: Console) -> None:
    table = Table("corpus", "hours", "CPU s", "hours per core-hour", "peak MB", title="preparing")
    runs = [("1x", 1), ("10x", 10), ("1x, lhotse to_shar", 1)]
    for name, times in runs:
        corpus, out = work / "corpus.jsonl", work / f"out-{name[:3].strip(',')}-{len(name)}"
        hours = write_corpus(manifest, corpus, rows, times)
        prepare = ["-m", "data_prep", "prepare", str(corpus), "-o", str(out), "--workers", "1",
                   "--shard-size", "50"]  # fmt: skip
        if "lhotse" in name:
            out.mkdir()
            prepare = ["-c", LHOTSE, str(corpus), str(out)]
        cpu, memory = measure([sys.executable, *prepare])
        speed = f"{3600 * hours / cpu:.0f}"
        table.add_row(name, f"{hours:.2f}", f"{cpu:.1f}", speed, f"{memory:.0f}")
    console.print(table)


Speed = tuple[float, float, float]  # utterances, seconds of audio, utterances per CPU second


def load(shards: Path, workers: int, utterances: int) -> Speed:
    """Loading through the bucketing sampler; the clock starts after the first batch."""
    from data_prep.loading import batches

    count, audio, first, start = 0, 0.0, 0, 0.0
    before = cpu_seconds()
    loader = batches(shards, max_seconds=60, buckets=10, buffer_size=500, workers=workers)
    for batch in loader:
        count += len(batch.ids)
        if not start:
            start, first = time.perf_counter(), count
            continue
        audio += float(batch.lengths.sum()) / 22050
        if count >= utterances:
            break
    seconds = time.perf_counter() - start
    del loader, batch  # the workers end, and their CPU time is known
    return (count - first) / seconds, audio / seconds, count / (cpu_seconds() - before)


def decode(manifest: Path, utterances: int) -> Speed:
    """Plain decoding of the source files in manifest order, without batches."""
    import soundfile

    lines = manifest.read_text("utf-8").splitlines()[:utterances]
    paths = [manifest.parent / json.loads(line)["audio"] for line in lines]
    before, start = cpu_seconds(), time.perf_counter()
    audio = sum(len(data) / rate for data, rate in map(soundfile.read, paths))
    seconds = time.perf_counter() - start
    return len(paths) / seconds, audio / seconds, len(paths) / (cpu_seconds() - before)


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def loading(manifest: Path, shards: Path, utterances: int, repeats: int, console: Console) -> None:
    table = Table("source", "utterances / s", "s of audio / s", "utterances / CPU s",
                  title="loading")  # fmt: skip
    runs = {"shards, 1 worker": 1, "shards, 2 workers": 2, "source files, plain decoding": 0}
    results: dict[str, list[Speed]] = {name: [] for name in runs}
    for _ in range(repeats):  # interleaved, so that a noisy minute hits all alike
        for name, workers in runs.items():
            one = load(shards, workers, utterances) if workers else decode(manifest, utterances)
            results[name].append(one)
    for name, values in results.items():
        medians = (statistics.median(column) for column in zip(*values, strict=True))
        table.add_row(name, *(f"{median:.0f}" for median in medians))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--loads", type=int, default=1500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--shards", type=Path, help="load from these and prepare nothing")
    options = parser.parse_args()
    console = Console(width=100)
    if options.shards:
        loading(options.manifest, options.shards, options.loads, options.repeats, console)
        return
    with tempfile.TemporaryDirectory() as name:
        preparing(options.manifest, options.rows, Path(name), console)
        loading(options.manifest, Path(name) / "out-10x-3", options.loads, options.repeats, console)


if __name__ == "__main__":
    main()
