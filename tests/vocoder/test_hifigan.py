"""HiFi-GAN: generator checkpoints in the common format, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.errors import SecoustiError
from secousti.vocoder import HifiganConfig, VocoderConfig, build_vocoder
from secousti.vocoder.hifigan import HifiganVocoder
from secousti.vocoder.timed import Timed
from tests.vocoder.conftest import MEL, toy_mel, toy_vocoder


def normalised_checkpoint(vocoder: HifiganVocoder) -> dict[str, Tensor]:
    """The weights as weight-normalised training writes them: ``weight_g`` and ``weight_v``."""
    out = {}
    for name, tensor in vocoder.state_dict().items():
        if name.endswith("weight"):
            out[f"{name}_v"] = 3.7 * tensor  # only the direction counts
            out[f"{name}_g"] = tensor.flatten(1).norm(dim=1).view(-1, *[1] * (tensor.dim() - 1))
        else:
            out[name] = tensor
    return out


@pytest.fixture
def hifigan() -> HifiganVocoder:
    vocoder = toy_vocoder("hifigan")
    assert isinstance(vocoder, HifiganVocoder)
    return vocoder


def test_generator_checkpoints_load(hifigan: HifiganVocoder) -> None:
    checkpoint = normalised_checkpoint(hifigan)
    assert {"conv_pre.weight_g", "ups.1.weight_v", "resblocks.11.convs2.2.bias"} <= set(checkpoint)
    torch.manual_seed(1)
    other = HifiganVocoder(HifiganConfig(channels=32), MEL).eval()
    mel = toy_mel(1, 9)
    assert not torch.allclose(other(mel)[0], hifigan(mel)[0], atol=1e-3)
    other.load_checkpoint({"generator": checkpoint})
    torch.testing.assert_close(other(mel)[0], hifigan(mel)[0], atol=1e-5, rtol=1e-4)
    del checkpoint["conv_post.bias"]
    with pytest.raises(SecoustiError, match=r"missing \['conv_post.bias'\]"):
        other.load_checkpoint(checkpoint)


def test_layers_are_the_plain_ones(hifigan: HifiganVocoder) -> None:
    """The same computation written with torch's own layers and padding."""
    mel = toy_mel(1, 11)
    with torch.no_grad():
        x = _conv(hifigan.conv_pre, mel)
        for i, up in enumerate(hifigan.ups):
            x = F.leaky_relu(x, 0.1)
            trim = (up.kernel_size[0] - up.stride[0]) // 2
            x = F.conv_transpose1d(x, up.weight, up.bias, up.stride, trim)
            x = sum(_unit(unit, x) for unit in hifigan.resblocks[3 * i : 3 * i + 3]) / 3
        expected = torch.tanh(_conv(hifigan.conv_post, F.leaky_relu(x)))
    torch.testing.assert_close(hifigan.generate(mel), expected, atol=1e-6, rtol=1e-5)


def _conv(conv: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(conv, nn.Conv1d)
    padding = (conv.kernel_size[0] - 1) * conv.dilation[0] // 2
    return F.conv1d(x, conv.weight, conv.bias, padding=padding, dilation=conv.dilation)


def _unit(unit: nn.Module, x: Tensor) -> Tensor:
    for first, second in zip(unit.convs1, unit.convs2, strict=True):  # type: ignore[arg-type]
        x = x + _conv(second, F.leaky_relu(_conv(first, F.leaky_relu(x, 0.1)), 0.1))
    return x


def test_v1_is_the_papers_size() -> None:
    vocoder = build_vocoder(VocoderConfig("hifigan"), MEL.__class__())
    size = sum(p.numel() for p in vocoder.parameters()) / 1e6
    assert 13.8 < size < 14.0  # 13.92 M in table 1 of Kong et al.
    assert vocoder.lookahead > 0


def test_rates_must_fit_the_hop() -> None:
    with pytest.raises(SecoustiError, match="upsample_rates"):
        HifiganVocoder(HifiganConfig(upsample_rates=(8, 8, 2)), MEL)


def test_strided_layer_offline_shape() -> None:
    vocoder = toy_vocoder("hift")
    down = vocoder.source_downs[0]  # type: ignore[index]
    out, _ = down(Timed(torch.zeros(1, 18, 64 * 3 + 1)), None)
    assert out.values.shape[-1] == 24
