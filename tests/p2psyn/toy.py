"""Small codecs whose every parameter matters: no gain, statistic or offset is left at its start."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from secousti.p2psyn.codec import P2PSynCodec
from secousti.p2psyn.config import (
    BackboneConfig,
    P2PSynConfig,
    PseudoConfig,
    QuantizerConfig,
    causal_config,
)


def shaken(module: nn.Module, seed: int = 0) -> nn.Module:
    """Weights as if trained: random where initial values would hide a mistake."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if name.endswith(("gamma", "beta", "bias", "running_mean")):
            tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
        elif name.endswith(("running_var", "prior")):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        elif tensor.dim() > 1 and "codebooks" not in name:
            scale = 1.5 / tensor[0].numel() ** 0.5
            tensor.copy_(scale * torch.randn(tensor.shape, generator=generator))
    return module.eval()


def tiny_config() -> P2PSynConfig:
    return P2PSynConfig(
        backbone=BackboneConfig(
            channels=16, hidden=24, encoder_blocks=2, decoder_blocks=2, latent_dim=8
        ),
        quantizer=QuantizerConfig(codebook_size=32, pseudo_stages=2),
        pseudo=PseudoConfig(
            channels=16, heads=2, blocks=2, ffn=16, conv_kernel=5, lstm_channels=12
        ),
    )


def tiny_causal_config(lookahead: int = 0) -> P2PSynConfig:
    config = causal_config(tiny_config(), lookahead)
    return replace(config, pseudo=replace(config.pseudo, context=7))


def toy_codec(causal: bool = False, lookahead: int = 0, seed: int = 0) -> P2PSynCodec:
    return as_trained(tiny_causal_config(lookahead) if causal else tiny_config(), seed)


def half_causal_codec() -> P2PSynCodec:
    """A causal backbone whose pseudo VQs need later tokens: only the plain path streams."""
    return as_trained(replace(tiny_causal_config(), pseudo=tiny_config().pseudo))


def as_trained(config: P2PSynConfig, seed: int = 0) -> P2PSynCodec:
    torch.manual_seed(seed)
    codec = P2PSynCodec(config)
    shaken(codec, seed)
    with torch.no_grad():  # codebooks at the scale of the latents, so that all stages matter
        audio = torch.randn(1, 1, 64 * codec.frame_size - codec.hop_length) * 0.1
        latents = codec.teacher.analyse(audio)[1]
        codec.teacher.quantizer.codebooks.mul_(latents.std())
    return codec
