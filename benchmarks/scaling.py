"""Parameters, FLOPs and memory of training at full size, counted by PyTorch on the meta device.

    python -m benchmarks.scaling [configs/secousti_21hz.yaml] [--batch 64] [--seconds 5.944]

Nothing is timed: step times are FLOPs over the named share of a device's peak, and say so.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from secousti.codec import SecoustiCodec
from train.codec.config import Config, load
from train.codec.objective import Objective

# Dense bf16 peaks in TFLOP/s, from the vendor's data sheets.
PEAKS = {"A100": 312.0, "H100": 989.0}


@dataclass
class Part:
    """One module: parameters, and FLOPs of one forward pass of the batch."""

    name: str
    parameters: int
    forward: float


def count_parts(config: Config, batch: int, frames: int) -> list[Part]:
    """Forward FLOPs of each module for ``batch`` crops of ``frames`` mel frames."""
    with torch.device("meta"):
        objective = Objective(SecoustiCodec(config.codec), config.training.objective)
        codec = objective.codec
        tokens = frames // codec.frames_per_token
        d, a = config.codec.transformer.d_model, config.codec.acoustic_dim
        mel = torch.empty(batch, config.codec.mel.n_mels, frames)
        z = torch.empty(batch, config.codec.seanet.dimension, tokens)
        s = torch.empty(batch, d, tokens)
        runs: dict[str, tuple[nn.Module, Callable[[], object]]] = {
            "encoder": (codec.encoder, lambda: codec.encoder(mel)),
            "acoustic_projection": (
                codec.acoustic_projection,
                lambda: codec.acoustic_projection(z),
            ),
            "decoder": (codec.decoder, lambda: codec.decoder(torch.empty(batch, a, tokens))),
            "semantic_projection": (
                codec.semantic_projection,
                lambda: codec.semantic_projection.distribution(z),
            ),
            "connector": (codec.connector, lambda: codec.connector(s)),
        }
        parts = [Part(n, _size(m), _flops(run)) for n, (m, run) in runs.items()]
    parts.append(_phoneme_encoder(objective, batch, tokens))
    return parts


def _phoneme_encoder(objective: Objective, batch: int, tokens: int) -> Part:
    """Convolution, transformer and linear map; the embedding is a table and costs nothing."""
    encoder = objective.text.phoneme_encoder
    with torch.device("meta"):
        x = torch.empty(batch, encoder.conv.in_channels, tokens * encoder.ratio)

        def run() -> Tensor:
            return encoder.linear(encoder.transformer(encoder.conv(x))[0].transpose(1, 2))

        return Part("phoneme_encoder", _size(encoder), _flops(run))


def contrastive_flops(pairs: int, dim: int) -> tuple[float, float]:
    """FLOPs of the loss, forward and backward: one and three products of [N, d] and [d, N]."""
    product = 2.0 * pairs**2 * dim
    return product, 3 * product


def step_flops(parts: list[Part], pairs: int, dim: int) -> dict[str, float]:
    """Of one step and device. Backward costs twice forward; frozen modules have none."""
    forward = defaultdict(float, {part.name: part.forward for part in parts})
    acoustic = forward["encoder"] + forward["acoustic_projection"] + forward["decoder"]
    trained = sum(forward[n] for n in ("semantic_projection", "connector", "phoneme_encoder"))
    frozen = forward["encoder"] + forward["acoustic_projection"]
    return {
        "acoustic": 3 * acoustic,
        "semantic": 3 * trained + frozen + sum(contrastive_flops(pairs, dim)),
    }


def memory_mib(parts: list[Part], stage: str) -> dict[str, float]:
    """Float32 weights, gradients, Adam's two moments and the average, in MiB."""
    total = sum(part.parameters for part in parts)
    own = {"encoder", "acoustic_projection", "decoder"}
    trained = sum(p.parameters for p in parts if (p.name in own) == (stage == "acoustic"))
    unit = 4 / 2**20
    return {
        "weights": total * unit,
        "gradients": trained * unit,
        "adam": 2 * trained * unit,
        "average": trained * unit,
    }


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _flops(run: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", default="configs/secousti_21hz.yaml")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--mfu", type=float, default=0.35, help="share of the peak that is reached")
    arguments = parser.parse_args()
    config = load(arguments.config)
    codec = config.codec
    rate, hop = codec.mel.sample_rate, codec.mel.hop_length
    seconds = arguments.seconds or config.training.data.crop_seconds
    frames = round(seconds * rate / hop)
    parts = count_parts(config, arguments.batch, frames)
    ratio = 1
    for r in codec.seanet.ratios:
        ratio *= r
    pairs = arguments.batch * frames // ratio
    audio = arguments.batch * frames * hop / rate
    print(f"{arguments.config}: {arguments.batch} crops of {seconds} s, {pairs} pairs")
    print("| module | M parameters | GFLOP forward | MFLOP per second of audio |")
    print("|---|---|---|---|")
    for p in parts:
        row = (p.name, f"{p.parameters / 1e6:.2f}", f"{p.forward / 1e9:.0f}")
        print("| " + " | ".join([*row, f"{p.forward / audio / 1e6:.0f}"]) + " |")
    print()
    print("| stage | TFLOP a step | " + " | ".join(f"{n} s a step" for n in PEAKS) + " | ")
    for stage, flops in step_flops(parts, pairs, codec.transformer.d_model).items():
        times = [flops / (peak * 1e12 * arguments.mfu) for peak in PEAKS.values()]
        print(f"| {stage} | {flops / 1e12:.2f} | " + " | ".join(f"{t:.3f}" for t in times) + " |")
        hours = [audio / t for t in times]  # seconds of audio per second = hours per hour
        print("| audio hours per GPU-hour | | " + " | ".join(f"{h:.0f}" for h in hours) + " |")
        memory = memory_mib(parts, stage)
        print("| memory MiB | " + ", ".join(f"{k} {v:.0f}" for k, v in memory.items()) + " |")


if __name__ == "__main__":
    main()
