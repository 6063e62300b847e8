"""Memory and time of the tiled contrastive loss beside the plain N x N one, forward and backward.

    python -m benchmarks.contrastive [--pairs 2048 8192 32768] [--dim 256] [--tile 1024]

Every case runs in a process of its own; its memory is the peak of the process above what it held
before the loss (Linux). Gradients are compared where both fit. Seconds are processor time on a CPU,
which other programs hardly change, and wall-clock time on a GPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.semantic.contrastive import contrastive_loss


def plain_loss(speech: Tensor, phonemes: Tensor, scale: Tensor, tile: int) -> Tensor:
    """Equation 7 as written: the whole matrix at once."""
    logits = scale * speech @ phonemes.T
    target = torch.arange(len(speech), device=speech.device)
    return 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))


def inputs(pairs: int, dim: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    s, p = (
        F.normalize(torch.randn(pairs, dim, generator=generator), dim=-1).to(device)
        for _ in range(2)
    )
    scale = torch.tensor(14.0, device=device)
    return s.requires_grad_(), p.requires_grad_(), scale.requires_grad_()


def measure(kind: str, pairs: int, dim: int, tile: int, repeats: int, device: str) -> dict:
    """Seconds (median) and peak MiB of one loss with its gradients."""
    loss = plain_loss if kind == "plain" else contrastive_loss
    speech, phonemes, scale = inputs(pairs, dim, device)
    loss(speech[:64], phonemes[:64], scale, tile).backward()  # warm up
    before = _start_peak(device)
    clock = time.perf_counter if device == "cuda" else time.process_time
    seconds = []
    for _ in range(repeats):
        start = clock()
        loss(speech, phonemes, scale, tile).backward()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(clock() - start)
    return {"seconds": statistics.median(seconds), "mib": _peak_mib(device) - before}


def gradient_difference(pairs: int, dim: int, tile: int, device: str) -> float:
    """Largest difference of the gradients, relative to the largest gradient."""
    a, b = inputs(pairs, dim, device), inputs(pairs, dim, device)
    plain_loss(*a, tile).backward()
    contrastive_loss(*b, tile).backward()
    gradients = [(x.grad, y.grad) for x, y in zip(a, b, strict=True)]
    return max(
        ((x - y).abs().max() / x.abs().max()).item()
        for x, y in gradients
        if x is not None and y is not None
    )


def _start_peak(device: str) -> float:
    """Forget the peak so far; MiB in use now."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 2**20
    Path("/proc/self/clear_refs").write_text("5")  # Linux: VmHWM starts again from VmRSS
    return _status_mib("VmRSS")


def _peak_mib(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return _status_mib("VmHWM")


def _status_mib(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def _child(arguments: argparse.Namespace, kind: str, pairs: int) -> dict | None:
    """One case in its own process; None when it ran out of memory."""
    command = [sys.executable, "-m", __spec__.name, "--case", kind, "--pairs", str(pairs)]
    command += ["--dim", str(arguments.dim), "--tile", str(arguments.tile)]
    command += ["--repeats", str(arguments.repeats), "--device", arguments.device]
    command += ["--threads", str(arguments.threads)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    return json.loads(done.stdout) if done.returncode == 0 else None


def _available_mib(device: str) -> float:
    if device == "cuda":
        return torch.cuda.mem_get_info()[0] / 2**20
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable"))


def _row(arguments: argparse.Namespace, pairs: int) -> str:
    tiled = _child(arguments, "tiled", pairs)
    needed = 5 * pairs**2 * 4 / 2**20  # logits, two softmaxes and their gradients
    fits = needed < 0.8 * _available_mib(arguments.device)
    plain = _child(arguments, "plain", pairs) if fits else None
    cells = [f"{pairs}"]
    for case in (plain, tiled):
        cells += [f"{case['mib']:.0f}", f"{case['seconds']:.2f}"] if case else ["does not fit", ""]
    difference = "" if plain is None else f"{_difference(arguments, pairs):.1e}"
    return "| " + " | ".join([*cells, difference]) + " |"


def _difference(arguments: argparse.Namespace, pairs: int) -> float:
    return gradient_difference(pairs, arguments.dim, arguments.tile, arguments.device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[2048, 8192, 32768])
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--case", choices=["plain", "tiled"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.case:
        pairs, dim, tile = arguments.pairs[0], arguments.dim, arguments.tile
        result = measure(arguments.case, pairs, dim, tile, arguments.repeats, arguments.device)
        print(json.dumps(result))
        return
    print(
        f"dim {arguments.dim}, tile {arguments.tile}, {arguments.device}, float32, "
        f"{arguments.threads} thread(s)"
    )
    print("| pairs | plain MiB | plain s | tiled MiB | tiled s | gradients differ by |")
    print("|---|---|---|---|---|---|")
    for pairs in arguments.pairs:
        print(_row(arguments, pairs), flush=True)


if __name__ == "__main__":
    main()
