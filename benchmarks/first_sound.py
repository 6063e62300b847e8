"""From nothing to the first second of sound, beside Mimi in transformers and in moshi.

    python -m benchmarks.first_sound --moshi .moshi/bin/python

Each line is a fresh process on one core: import, construct, decode one second of tokens. Ours reads
its weights. Those of Mimi have to be fetched, so it has random ones here: what reading them takes
is left out, what drawing random numbers takes is in. Medians; processor time (user and system)
changes less on a busy machine than the clock.

    python -m venv --system-site-packages .moshi && .moshi/bin/pip install moshi
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

Row = tuple[float, float, float]  # seconds: processor, clock, processor of the decode alone

_FRAME = """
import json, resource
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
import torch
torch.set_num_threads(1)
with torch.no_grad():
    {construct}
    began = cpu()
    {decode}
    print(json.dumps(cpu() - began))
"""
_PROGRAMS = {
    "secousti, mini-21hz": (
        "import secousti; codec = secousti.load_codec('mini-21hz', parts='decoder')",
        "codec.decode(torch.zeros(1, 1, 22, dtype=torch.int64))",
    ),
    "transformers, Mimi": (
        "from transformers import MimiConfig, MimiModel; codec = MimiModel(MimiConfig()).eval()",
        "codec.decode(torch.zeros(1, 8, 13, dtype=torch.int64))",
    ),
    "moshi, Mimi": (
        "from moshi.models import loaders; codec = loaders.get_mimi(None, device='cpu')",
        "codec.decode(torch.zeros(1, 8, 13, dtype=torch.int64))",
    ),
}


def run(command: list[str]) -> tuple[float, float, str]:
    """Processor seconds, seconds and output of one process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, time.monotonic() - began, done.stdout


def first_sound(python: str, name: str) -> Row:
    """One process that decodes."""
    construct, decode = _PROGRAMS[name]
    spent, took, said = run([python, "-c", _FRAME.format(construct=construct, decode=decode)])
    return spent, took, float(json.loads(said.splitlines()[-1]))


def version() -> Row:
    """One process of the command that says its version."""
    spent, took, _ = run([str(Path(sys.executable).with_name("secousti")), "--version"])
    return spent, took, 0.0


def line(name: str, rows: list[Row]) -> str:
    """Of the Markdown table."""
    spent, took, decode = (statistics.median(column) for column in zip(*rows, strict=True))
    return f"| {name} | {spent:.2f} | {took:.2f} | {f'{decode:.2f}' if decode else ''} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--moshi", metavar="PYTHON", help="a Python that has moshi")
    parser.add_argument("--times", type=int, default=5)
    args = parser.parse_args()
    pythons = dict.fromkeys(_PROGRAMS, sys.executable) | {"moshi, Mimi": args.moshi}
    print("| fresh process | CPU, s | clock, s | of it, to decode, CPU s |\n|---|---|---|---|")
    print(line("`secousti --version`", [version() for _ in range(args.times)]), flush=True)
    for name, python in pythons.items():
        if python:
            rows = [first_sound(python, name) for _ in range(args.times)]
            print(line(name, rows), flush=True)
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
