"""Random layers, states and damaged numbers for the C code, and what PyTorch makes of them.

A case is made from its number alone, so that a finding can be run again. Run as a program it
checks one library against PyTorch for a while, under whatever sanitizer it was compiled with:

    python -m tests.onecore.driver LIBRARY --cases 100 [--first N] [--seconds S]
"""

from __future__ import annotations

import argparse
import ctypes
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from secousti.acoustic.transformer import Transformer, TransformerLayer
from secousti.config import TransformerConfig
from secousti.onecore import native, pages
from secousti.onecore.blocks import BlockWeights, StepBlock
from secousti.onecore.layer import StepLayer
from secousti.onecore.native import NativeStack
from secousti.onecore.native_blocks import NativeBlocks

# Either side rounds, which moves a number now and then to the next of its 256 steps.
TOLERANCE = 0.05  # of the largest number
_SPOILT = (float("nan"), float("inf"), -float("inf"), 3e38, 1e-42)


@dataclass
class Case:
    """Inputs [calls, rows, channels] of one stack, its layers, and its state so far."""

    number: int
    layers: list
    config: TransformerConfig | None
    inputs: Tensor
    state: Tensor
    spoilt: bool  # whether the inputs or the state hold numbers that no sound gives


def make(number: int) -> Case:
    """The case of this number."""
    draw = random.Random(number)
    torch.manual_seed(number)
    case = _transformer(draw, number) if draw.random() < 0.5 else _convnext(draw, number)
    case.inputs *= 10 ** draw.uniform(-6, 1)
    if draw.random() < 0.25:
        case.spoilt = True
        target = case.inputs if draw.random() < 0.7 else case.state
        for _ in range(draw.randint(1, 3)):
            target.view(-1)[draw.randrange(target.numel())] = draw.choice(_SPOILT)
    return case


def _transformer(draw: random.Random, number: int) -> Case:
    heads = draw.choice((1, 2, 4, 8))
    half = draw.randint(1, 40) * (4 // min(heads, 4))
    context = draw.randint(1, 40)
    config = TransformerConfig(
        d_model=2 * half * heads,
        num_heads=heads,
        dim_feedforward=4 * draw.randint(1, 60),
        context=context,
    )
    stack = _shaken(Transformer(config, draw.randint(1, 3)))
    layers = [layer for layer in stack.layers if isinstance(layer, TransformerLayer)]
    ring = torch.randn(len(layers), 2, heads, context, 2 * half).to(torch.bfloat16)
    inputs = torch.randn(draw.randint(1, 4), 1, config.d_model)
    return Case(number, layers, config, inputs, ring, False)


def _convnext(draw: random.Random, number: int) -> Case:
    channels, wide = 4 * draw.randint(1, 40), 4 * draw.randint(1, 60)
    taps, count = draw.randint(2, 9), draw.randint(1, 3)
    responds, scaled = draw.random() < 0.5, draw.random() < 0.5

    def vector(size: int) -> Tensor:
        return 0.5 * torch.randn(size)

    layers = [
        BlockWeights(
            torch.randn(channels, taps) / taps,
            vector(channels),
            _shaken(nn.LayerNorm(channels)),
            nn.Linear(channels, wide),
            nn.Linear(wide, channels),
            vector(channels) if scaled else None,
            vector(wide) if responds else None,
            vector(wide) if responds else None,
        )
        for _ in range(count)
    ]
    past = torch.randn(count, taps - 1, channels)
    inputs = torch.randn(draw.randint(1, 4), draw.randint(1, 9), channels)
    return Case(number, layers, None, inputs, past, False)


def _shaken(module: nn.Module) -> nn.Module:
    for name, parameter in module.named_parameters():
        if parameter.dim() == 1 or name.endswith("scale"):
            nn.init.normal_(parameter, std=0.5)
    return module.eval()


@torch.no_grad()
def compiled(case: Case, library: ctypes.CDLL) -> tuple[Tensor, Tensor]:
    """Outputs [calls, rows, channels] and the state after them, by the C code."""
    state = case.state.clone()
    if case.config is None:
        blocks = NativeBlocks(case.layers, library)
        return torch.stack([blocks(x, state) for x in case.inputs]), state
    stack = NativeStack(case.layers, case.config, library)
    steps = enumerate(case.inputs)
    outputs = [stack(x, _rotation(case, n), state, *_slot(case, n)) for n, x in steps]
    return torch.stack(outputs), state


@torch.no_grad()
def by_pytorch(case: Case) -> tuple[Tensor, Tensor]:
    """The same by PyTorch's int8 kernels."""
    state = case.state.clone()
    outputs = []
    if case.config is None:
        blocks = [StepBlock(block, "int8") for block in case.layers]
        for x in case.inputs:
            for block, past in zip(blocks, state, strict=True):
                inputs = torch.cat([past, x])
                past.copy_(inputs[len(x) :])
                x = block(inputs)
            outputs.append(x)
        return torch.stack(outputs), state
    layers = [StepLayer(layer, case.config, "int8") for layer in case.layers]
    for n, x in enumerate(case.inputs):
        for layer, cache in zip(layers, state, strict=True):
            x = layer(x, _rotation(case, n), cache, *_slot(case, n))
        outputs.append(x)
    return torch.stack(outputs), state


def _slot(case: Case, call: int) -> tuple[int, int]:
    """Where in the ring the call's position goes, and how many positions are then known."""
    assert case.config is not None
    context = case.config.context
    position = case.number % (2 * context) + call
    return position % context, min(position + 1, context)


def _rotation(case: Case, call: int) -> Tensor:
    assert case.config is not None
    half = case.config.d_model // case.config.num_heads // 2
    angles = torch.arange(half) * (0.1 + call)
    return torch.polar(torch.ones(half), angles)


def check(case: Case, library: ctypes.CDLL) -> str | None:
    """What is wrong with the C code's answer, if anything."""
    ours, our_state = compiled(case, library)
    if case.spoilt:  # where PyTorch stops with an error, or makes ordinary numbers of NaN
        return _contained(case, ours)
    theirs, their_state = by_pytorch(case)
    for what, a, b in (("outputs", ours, theirs), ("state", our_state, their_state)):
        gap = float((a.float() - b.float()).abs().max())
        allowed = TOLERANCE * float(b.float().abs().max()) + 1e-6
        if not gap <= allowed:
            return f"case {case.number}: {what} differ by {gap}, {allowed} is allowed"
    return None


def _contained(case: Case, ours: Tensor) -> str | None:
    """What is not finite goes no further back than it came in: not to rows before it."""
    if case.config is not None or not bool(_sane(case.state).all()):
        return None
    rows = case.inputs.flatten(0, 1)
    sane = _sane(rows).all(-1).long().cumprod(0).bool()  # rows before the first bad one
    if bool(ours.flatten(0, 1)[sane].isfinite().all()):
        return None
    return f"case {case.number}: a row that came before a damaged one is not finite"


def _sane(x: Tensor) -> Tensor:
    """Numbers that sound gives; products of greater ones overflow."""
    return x.abs() < 1e6


def load(path: Path) -> ctypes.CDLL:
    """A library compiled from the package's C code."""
    return native.declared(ctypes.CDLL(str(path)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--cases", type=int, default=None)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    pages.together = lambda tensors: [t.clone() for t in tensors]  # each with guards around it
    library, end, number = load(args.library), time.monotonic() + args.seconds, args.first
    findings = []
    while time.monotonic() < end and (args.cases is None or number < args.first + args.cases):
        finding = check(make(number), library)
        if finding is not None:
            findings.append(finding)
            print(finding, flush=True)
        number += 1
    print(f"{number - args.first} cases, {len(findings)} findings", flush=True)
    raise SystemExit(1 if findings else 0)


if __name__ == "__main__":
    main()
