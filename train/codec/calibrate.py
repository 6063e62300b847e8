"""Start from mels of zero mean and unit deviation, without a layer more.

Raw log-mels lie around -5 with a deviation of 2.5, and the first steps of training are spent on
learning that. The scaling is folded into the first convolution of the encoder and of the
paralinguistic encoder, and undone in the last one of the decoder.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from secousti.acoustic.conv import CausalConv1d
from secousti.codec import SecoustiCodec


@torch.no_grad()
def calibrate(codec: SecoustiCodec, features: Tensor, mask: Tensor) -> None:
    """Fold mean and deviation of each row of ``features`` where ``mask`` [B, T].

    ``features`` [B, n_mels, T] is the mel, and below it the pitch where the codec has one.
    """
    values = features.transpose(1, 2)[mask]  # [N, rows]
    mean, deviation = values.mean(0), values.std(0).clamp(min=1e-3)
    first = codec.encoder.layers.layers[0]
    last = codec.decoder.seanet.layers.layers[-1]
    assert isinstance(first, CausalConv1d)
    assert isinstance(last, CausalConv1d)
    # Audio starts after silence, but convolutions pad with 0: that edge is left as it is.
    _scale_input(first.conv, mean, deviation)
    mean, deviation = (row[: codec.config.mel.n_mels] for row in (mean, deviation))
    _scale_input(codec.paralinguistic.convs[0], mean, deviation)
    assert last.conv.bias is not None
    last.conv.weight.mul_(deviation[:, None, None])
    last.conv.bias.mul_(deviation).add_(mean)


def _scale_input(conv: nn.Module, mean: Tensor, deviation: Tensor) -> None:
    """``conv((x - mean) / deviation)`` as a convolution of x."""
    assert isinstance(conv, nn.Conv1d)
    assert conv.bias is not None
    conv.weight.div_(deviation[:, None])
    conv.bias.sub_((conv.weight * mean[:, None]).sum((1, 2)))


@torch.no_grad()
def set_initial_logvar(codec: SecoustiCodec, value: float) -> None:
    """Let the log-variances of S and G start at ``value`` everywhere."""
    for linear in (codec.semantic_projection.logvar, codec.paralinguistic.logvar):
        linear.weight.zero_()
        linear.bias.fill_(value)
