"""What it takes to load a codec or half of it, and to its first sound; each in a fresh process.

    python -m benchmarks.loading mini-21hz mini-86hz

Seconds are those of the processor (user and system), which a busy machine does not change much;
memory is what the process holds beyond PyTorch's import.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

_PROBE = """
import json, resource, sys
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6
import torch
import numpy, soundfile
torch.set_num_threads(1)
imported, before = cpu(), resident()
from secousti import load_codec
codec = load_codec(sys.argv[1], parts=sys.argv[2])
loaded, held = cpu(), resident() - before
if sys.argv[2] == "encoder":
    codec.encode(torch.zeros(1, codec.sample_rate), codec.sample_rate)
else:
    codec.decode(torch.zeros(1, 1, round(codec.frame_rate), dtype=torch.int64))
print(json.dumps({"torch": imported, "load": loaded - imported, "use": cpu() - loaded,
                  "total": cpu(), "held": held}))
"""


def measure(model: str, parts: str) -> dict[str, float]:
    """Seconds and MB of one fresh process."""
    command = [sys.executable, "-c", _PROBE, model, parts]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print a Markdown table: the median of three processes for each model and part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+")
    args = parser.parse_args()
    print("| model | parts | memory, MB | PyTorch, s | load, s | first second, s | total, s |")
    print("|---|---|---|---|---|---|---|")
    for model in args.models:
        for parts in ("all", "encoder", "decoder"):
            runs = sorted((measure(model, parts) for _ in range(3)), key=lambda run: run["total"])
            run = runs[1]
            seconds = " | ".join(f"{run[key]:.2f}" for key in ("torch", "load", "use", "total"))
            print(f"| {model} | {parts} | {run['held']:.0f} | {seconds} |", flush=True)


if __name__ == "__main__":
    main()
