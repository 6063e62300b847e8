"""Multiply-accumulates of a codec: as they are, and as the paper's table counts them.

The paper's FLOPs column is reproduced by counting what the ``thop`` tool counts, per second of
16 kHz audio: transposed convolutions at their output's resolution (8 times too many), norms with
a little, attention products and codebook search not at all. Both counts are given; one is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from secousti.base import Codec
from secousti.p2psyn.codec import P2PSynCodec
from secousti.p2psyn.conformer import SelfAttention
from secousti.p2psyn.convnext import ConvNeXtBlock, GlobalResponseNorm
from secousti.p2psyn.mdct import IMDCT, MDCT

Convention = Literal["true", "paper"]


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates per second of audio, by part."""

    encoder: float
    search: float
    pseudo: float
    decoder: float

    @property
    def teacher(self) -> float:
        """Without the pseudo VQs."""
        return self.encoder + self.search + self.decoder

    @property
    def total(self) -> float:
        """Everything, encoder and decoder."""
        return self.teacher + self.pseudo


@torch.no_grad()
def count_macs(codec: P2PSynCodec, convention: Convention = "true", seconds: float = 1.0) -> Macs:
    """Count one recording of ``seconds``; ``encoder`` and ``decoder`` include their transforms."""
    codec = codec.eval()
    audio = torch.zeros(1, round(seconds * codec.sample_rate), device=codec.device)
    teacher = codec.teacher
    with _counting(teacher, convention) as by_module:
        encoded = codec.encode(audio, codec.sample_rate)
        encoder = _sum(by_module, teacher.encoder, teacher.mdct)
    with _counting(codec, convention) as by_module:
        codec.decode(encoded)
        pseudo = _sum(by_module, codec.pseudo)
        decoder = _sum(by_module, teacher.decoder, teacher.imdct)
    config = codec.config
    search = 0
    if convention == "true":
        # Only the plain stage is searched by an encoder that sends it.
        search = int(encoded.lengths.sum()) * config.quantizer.codebook_size
        search *= config.backbone.latent_dim
    return Macs(encoder / seconds, search / seconds, pseudo / seconds, decoder / seconds)


def paper_gflops(codec: Codec, mode: str = "all") -> float | None:
    """10^9 of ``count_macs``, as the paper counts; None of a codec that its table does not hold.

    Of 16,000 samples whatever the rate: the table has one figure for 16 and 48 kHz.

    Args:
        mode: ``plain`` is without the pseudo VQs.
    """
    if not isinstance(codec, P2PSynCodec):
        return None
    seconds = 16000 / codec.sample_rate
    macs = count_macs(codec, "paper", seconds)
    return (macs.teacher if mode == "plain" else macs.total) * seconds / 1e9


@contextmanager
def _counting(root: nn.Module, convention: Convention) -> Iterator[dict[nn.Module, int]]:
    counts: dict[nn.Module, int] = {}
    handles: list[RemovableHandle] = []
    for module in root.modules():
        rules = [rule for kind, rule in _RULES[convention].items() if isinstance(module, kind)]
        handles += [module.register_forward_hook(_hook(rule, counts)) for rule in rules]
    try:
        yield counts
    finally:
        for handle in handles:
            handle.remove()


def _hook(rule: Callable[..., int], counts: dict[nn.Module, int]) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        y = output[0] if isinstance(output, tuple) else output
        x = inputs[0].data if hasattr(inputs[0], "batch_sizes") else inputs[0]
        y = y.data if hasattr(y, "batch_sizes") else y
        counts[module] = counts.get(module, 0) + rule(module, x, y)

    return hook


def _sum(counts: dict[nn.Module, int], *parts: nn.Module) -> int:
    return sum(counts.get(module, 0) for part in parts for module in part.modules())


def _convolution(module: nn.Conv1d, x: Tensor, y: Tensor) -> int:
    return y.numel() * module.in_channels // module.groups * module.kernel_size[0]


def _transposed(module: nn.ConvTranspose1d, x: Tensor, y: Tensor) -> int:
    return x.numel() * module.out_channels * module.kernel_size[0]


def _transposed_at_output(module: nn.ConvTranspose1d, x: Tensor, y: Tensor) -> int:
    return y.numel() * module.in_channels * module.kernel_size[0]


def _linear(module: nn.Linear, x: Tensor, y: Tensor) -> int:
    return y.numel() * module.in_features


def _expansion(module: ConvNeXtBlock, x: Tensor, y: Tensor) -> int:
    # Its first linear layer is called as ``gelu``, which no hook of the layer sees.
    return x.shape[0] * x.shape[-1] * module.linear1.weight.numel()


def _lstm(module: nn.LSTM, x: Tensor, y: Tensor) -> int:
    steps = x.numel() // x.shape[-1]
    weights = sum(w.numel() for name, w in module.named_parameters() if "weight" in name)
    return steps * weights


def _norm(module: nn.Module, x: Tensor, y: Tensor) -> int:
    return 2 * x.numel()


def _attention(module: SelfAttention, x: Tensor, y: Tensor) -> int:
    steps = x.shape[1]
    context = min(steps, module.config.context or steps)
    pairs = steps * context - (context * (context - 1) // 2 if module.config.context else 0)
    return 2 * x.shape[0] * pairs * x.shape[-1]


def _response_norm(module: nn.Module, x: Tensor, y: Tensor) -> int:
    return 3 * x.numel()


def _mdct(module: MDCT, x: Tensor, y: Tensor) -> int:
    return y.numel() * 2 * module.size


def _imdct(module: IMDCT, x: Tensor, y: Tensor) -> int:
    return x.numel() * 2 * module.size


_TRUE: dict[type, Callable[..., int]] = {
    nn.Conv1d: _convolution,
    nn.ConvTranspose1d: _transposed,
    nn.Linear: _linear,
    ConvNeXtBlock: _expansion,
    nn.LSTM: _lstm,
    SelfAttention: _attention,
    GlobalResponseNorm: _response_norm,
    nn.LayerNorm: _norm,
    nn.BatchNorm1d: _norm,
    MDCT: _mdct,
    IMDCT: _imdct,
}
_PAPER: dict[type, Callable[..., int]] = {
    nn.Conv1d: _convolution,
    nn.ConvTranspose1d: _transposed_at_output,
    nn.Linear: _linear,
    ConvNeXtBlock: _expansion,
    nn.LSTM: _lstm,
    nn.LayerNorm: _norm,
    nn.BatchNorm1d: _norm,
}
_RULES: dict[str, dict[type, Callable[..., int]]] = {"true": _TRUE, "paper": _PAPER}
