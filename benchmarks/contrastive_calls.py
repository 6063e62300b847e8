"""What the contrastive loss asks of a device, forward and backward: calls in tiles and fused.

    python -m benchmarks.contrastive_calls [--pairs 4096 8192 32768] [--tile 1024]

Calls are operators that Python or autograd dispatches, and launches of Triton's kernels; they are
counted on a CPU, where the kernels do nothing here, since how many there are does not depend on
what they compute.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.measure import markdown
from secousti.semantic import contrastive_kernels as kernels
from secousti.semantic.contrastive import contrastive_loss

_DIM = 8


def main() -> None:
    """Count, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[4096, 8192, 32768])
    parser.add_argument("--tile", type=int, default=1024)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for pairs in arguments.pairs:
        s, p = (torch.randn(pairs, _DIM, requires_grad=True) for _ in range(2))
        scale = torch.tensor(14.0, requires_grad=True)
        tiled = calls(lambda: contrastive_loss(s, p, scale, arguments.tile).backward())  # noqa: B023
        counted = torch.ones(pairs, dtype=torch.bool)
        with counting_launches() as launches:
            fused = calls(lambda: kernels.FusedLoss.apply(s, p, counted, scale).backward())  # noqa: B023
        rows.append([f"{pairs:,}", f"{tiled:,}", f"{fused + len(launches):,}", f"{len(launches)}"])
    header = ["pairs", f"calls, tiles of {arguments.tile:,}", "calls, fused", "of them kernels"]
    print(markdown(header, rows))


def calls(work: Callable[[], object]) -> int:
    """Operators called by ``work``, without those that they call."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        work()
    events = [event for event in profiler.events() if event.name.startswith("aten::")]
    return sum(e.cpu_parent is None or not e.cpu_parent.name.startswith("aten::") for e in events)


@contextmanager
def counting_launches() -> Iterator[list[str]]:
    """Inside, kernels are noted instead of launched."""
    names, kept = list[str](), {}
    for name in ("_log_sum_exp_kernel", "_gradient_kernel"):
        kept[name] = getattr(kernels, name)
        setattr(kernels, name, _Noted(name, names))
    try:
        yield names
    finally:
        for name, kernel in kept.items():
            setattr(kernels, name, kernel)


class _Noted:
    """Stands where a kernel stood: ``kernel[grid](...)`` writes down its name."""

    def __init__(self, name: str, names: list[str]) -> None:
        self.name, self.names = name, names

    def __getitem__(self, grid: Any) -> Callable[..., None]:
        def launch(*tensors: Tensor, **options: Any) -> None:
            self.names.append(self.name)

        return launch


if __name__ == "__main__":
    main()
