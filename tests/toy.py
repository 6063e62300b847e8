"""Small codecs with real, diverse tokens: the parity fixtures' weights, or scaled random ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from secousti import SecoustiCodec
from secousti.acoustic.conv import CausalConv1d
from secousti.acoustic.transformer import LayerScale
from secousti.audio.batch import as_batch
from secousti.config import (
    CausalIstftConfig,
    CodecConfig,
    DepthConfig,
    ParalinguisticConfig,
    PitchConfig,
    SEANetConfig,
    TransformerConfig,
    VocoderConfig,
)
from secousti.pretrained import load_strictly
from secousti.release import read_checkpoint, release_config, rename_release

# Untrained vocoders amplify rounding; the bundled models are held to 1e-4.
AUDIO_TOLERANCE = 2e-4
Mode = Literal["causal", "centered"]
PARITY = Path(__file__).parent / "fixtures" / "parity"


def released_toy(name: str, window_rule: str = "central") -> SecoustiCodec:
    """The fixture codec ``r22`` (21.5 Hz) or ``r11`` (86 Hz); context 10, centered mel."""
    state = read_checkpoint(PARITY / f"codec_{name}.safetensors")
    config = release_config(state, num_heads=4, context=10, window_rule=window_rule)
    config = replace(config, paralinguistic=replace(config.paralinguistic, window_frames=24))
    codec = SecoustiCodec(config)
    load_strictly(codec, rename_release(state), name)
    return codec.eval()


def toy_config(
    ratios: tuple[int, ...] = (2, 2), mode: Mode = "causal", vocoder: bool = True
) -> CodecConfig:
    """A few thousand parameters with every part of the real thing."""
    config = CodecConfig(
        seanet=SEANetConfig(dimension=32, n_filters=8, ratios=ratios),
        transformer=TransformerConfig(d_model=32, num_heads=4, dim_feedforward=48, context=12),
        depth=DepthConfig(acoustic=1, semantic=2, connector=2, decoder=1),
        paralinguistic=ParalinguisticConfig(conv_channels=(8, 8, 8, 8, 16, 16), window_frames=60),
        vocoder=VocoderConfig(
            kind="causal_istft",
            # Random mels are far too loud to be projected upon.
            causal_istft=CausalIstftConfig(
                channels=24, layers=2, n_fft=512, source="none", project=False
            ),
        )
        if vocoder
        else None,
        acoustic_dim=24,
    )
    return replace(config, mel=replace(config.mel, mode=mode))


def toy_codec(
    ratios: tuple[int, ...] = (2, 2),
    mode: Mode = "causal",
    seed: int = 0,
    vocoder: bool = True,
    pitch: PitchConfig | None = None,
) -> SecoustiCodec:
    """Random weights, scaled up so that tokens differ (plain initialisation gives one token)."""
    torch.manual_seed(seed)
    codec = SecoustiCodec(replace(toy_config(ratios, mode, vocoder), pitch=pitch))
    for module in codec.modules():
        if isinstance(module, LayerScale):
            torch.nn.init.constant_(module.scale, 0.5)
    codec.eval()
    with torch.no_grad():  # centre and spread what the quantizer sees, so that tokens vary
        mel, frames = codec.log_mel(
            as_batch(toy_speech(4.0, seed=7), codec.sample_rate, codec.sample_rate)
        )
        mu, _ = codec.semantic_projection(codec.encoder(mel, None, frames)[0])
        project = codec.quantizer.project_in
        assert isinstance(project, nn.Linear)
        y = project(mu[0].T)
        project.weight.div_(y.std(0)[:, None])
        project.bias.copy_((project.bias - y.mean(0)) / y.std(0))
        codec.paralinguistic.mu.weight.mul_(10)
        # and make the decoded mel move as speech does
        codes, _ = codec.tokenize(mel, lengths=frames)
        out, _ = codec.synthesize_mel(codes, codec.voice_from_mel(mel, frames))
        last = codec.decoder.seanet.layers.layers[-1]
        assert isinstance(last, CausalConv1d)
        assert last.conv.bias is not None
        last.conv.weight.mul_(1.5 / out.std(-1).mean())
        last.conv.bias.fill_(-4.0)
    return codec.eval()


def toy_speech(
    seconds: float = 2.0, rate: int = 22050, seed: int = 0, rows: int = 1
) -> torch.Tensor:
    """Noise with a wandering level and tilt, float32 [rows, N]: loud, soft and silent parts."""
    generator = torch.Generator().manual_seed(seed)
    n = int(seconds * rate)
    noise = torch.randn(rows, n, generator=generator)
    smooth = torch.nn.functional.avg_pool1d(noise[:, None], 9, 1, 4)[:, 0]
    t = torch.arange(n) / rate
    level = (
        0.1 * (1 + torch.sin(2 * torch.pi * 1.3 * t)) * (torch.sin(2 * torch.pi * 0.4 * t) > -0.8)
    )
    mix = 0.5 * (1 + torch.sin(2 * torch.pi * 2.1 * t))
    return (mix * noise + (1 - mix) * smooth) * level


def ragged(total: int, most: int, seed: int = 0) -> list[slice]:
    """Slices of random sizes 0..most that cover ``range(total)``."""
    generator = torch.Generator().manual_seed(seed)
    slices, start = [], 0
    while start < total:
        size = int(torch.randint(0, most + 1, (1,), generator=generator))
        slices.append(slice(start, min(start + size, total)))
        start += size
    return slices
