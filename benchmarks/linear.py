"""MKL against oneDNN for the linear layers of the transformers, one thread.

python -m benchmarks.linear
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

from benchmarks.measure import markdown
from secousti.acoustic.linear import Linear


def milliseconds(call: Callable[[], object], calls: int = 31) -> float:
    """Median processor time of a call."""
    times = []
    for _ in range(calls):
        start = time.process_time()
        call()
        times.append(1e3 * (time.process_time() - start))
    return statistics.median(times)


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for features, out in ((512, 1536), (512, 2048), (2048, 512), (256, 1024)):
        layer = Linear(features, out, bias=False)
        for frames in (1, 4, 64, 215, 861):
            x = torch.randn(1, frames, features)
            mkl = milliseconds(lambda: F.linear(x, layer.weight))  # noqa: B023
            onednn = milliseconds(lambda: layer(x))  # noqa: B023
            shape = f"{features} -> {out}"
            rows.append([shape, str(frames), f"{mkl:.2f}", f"{onednn:.2f}", f"{mkl / onednn:.2f}"])
    print(markdown(["layer", "frames", "MKL, ms", "oneDNN, ms", "ratio"], rows))


if __name__ == "__main__":
    main()
