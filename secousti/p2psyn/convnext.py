"""The ConvNeXt v2 backbone of the encoder and the decoder (paper 2.2), causal or not."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from secousti.acoustic.conv import CausalConv1d, CausalConvTranspose1d
from secousti.acoustic.linear import Linear
from secousti.p2psyn.config import BackboneConfig
from secousti.streaming.state import State, StreamingModule, init_states, numbered, substate


class GlobalResponseNorm(nn.Module):
    """``gamma * x * n + beta + x`` on [B, T, C], n = a channel's energy over the mean channel's.

    ``global``: the energy is the L2 norm over the utterance (ConvNeXt v2); frames where ``mask``
    [B, T, 1] is 0 do not count. ``frame``: the magnitude in the frame itself.
    """

    def __init__(self, channels: int, kind: Literal["global", "frame"]) -> None:
        super().__init__()
        self.kind = kind
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.kind == "frame":
            energy = x.abs()
        else:
            energy = torch.linalg.vector_norm(x if mask is None else x * mask, dim=1, keepdim=True)
        ratio = energy / (energy.mean(dim=-1, keepdim=True) + 1e-6)
        return self.gamma * (x * ratio) + self.beta + x


class ConvNeXtBlock(StreamingModule):
    """Depthwise convolution, LayerNorm, Linear, GELU, GRN, Linear; residual. [B, C, T]."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        channels, hidden = config.channels, config.hidden
        self.depthwise = CausalConv1d(
            channels, channels, config.kernel_size, groups=channels, causal=config.causal
        )
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.linear1 = Linear(channels, hidden)
        self.grn = GlobalResponseNorm(hidden, config.grn)
        self.linear2 = Linear(hidden, channels)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.depthwise.init_state(batch_size, device, dtype)

    def forward(
        self, x: Tensor, state: State | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        y, new = self.depthwise(masked(x, mask), state)
        y = self.linear1.gelu(self.norm(y.transpose(1, 2)))  # [B, T, H]
        y = self.grn(y, None if mask is None else mask.transpose(1, 2))
        return x + self.linear2(y).transpose(1, 2), new


class ConvNeXtStack(StreamingModule):
    """[B, C_in, T] -> [B, C, T]: convolution, norm, ``blocks``, norm, linear.

    ``embed=False`` leaves the convolution out (then C_in = C).
    """

    def __init__(
        self, config: BackboneConfig, in_channels: int, blocks: int, embed: bool = True
    ) -> None:
        super().__init__()
        channels = config.channels
        self.embed = (
            CausalConv1d(in_channels, channels, config.kernel_size, causal=config.causal)
            if embed
            else None
        )
        self.norm_in = nn.LayerNorm(channels, eps=1e-6)
        self.blocks = nn.ModuleList(ConvNeXtBlock(config) for _ in range(blocks))
        self.norm_out = nn.LayerNorm(channels, eps=1e-6)
        self.linear = Linear(channels, channels)
        self.apply(_init_stack)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        parts = [("embed", self.embed), *numbered(self.blocks)]
        return init_states(parts, batch_size, device, dtype)

    def forward(
        self, x: Tensor, state: State | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        new: State = {}
        if self.embed is not None:
            x, new_embed = self.embed(masked(x, mask), substate(state, "embed"))
            new.update({"embed": new_embed} if new_embed is not None else {})
        x = self.norm_in(x.transpose(1, 2)).transpose(1, 2)
        for i, block in enumerate(self.blocks):
            x, block_state = block(x, substate(state, str(i)), mask)
            new.update({str(i): block_state} if block_state is not None else {})
        x = self.linear(self.norm_out(x.transpose(1, 2))).transpose(1, 2)
        return x, (None if state is None else new)


class _Chain(StreamingModule):
    """Named streaming parts; each keeps its state under its own name."""

    parts: tuple[str, ...]

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return {n: getattr(self, n).init_state(batch_size, device, dtype) for n in self.parts}

    def _run(self, name: str, x: Tensor, state: State | None, new: State, **kwargs: Any) -> Tensor:
        y, part_state = getattr(self, name)(x, substate(state, name), **kwargs)
        if part_state is not None:
            new[name] = part_state
        return y


class SpectrumEncoder(_Chain):
    """MDCT coefficients [B, N, stride * L] -> latents [B, latent_dim, L].

    ``mask`` [B, 1, L] marks the tokens of each row of a padded batch (non-causal models need it).
    """

    parts = ("stack", "down", "head")

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        channels, kernel = config.channels, config.kernel_size
        self.stride = config.stride
        self.stack = ConvNeXtStack(config, config.coefficients, config.encoder_blocks)
        self.down = _downsampler(config)
        self.head = CausalConv1d(channels, config.latent_dim, kernel, causal=config.causal)
        _init_convolutions(self.down, self.head)

    def forward(
        self, x: Tensor, state: State | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        new: State = {}
        frame_mask = None if mask is None else mask.repeat_interleave(self.stride, dim=-1)
        x = self._run("stack", x, state, new, mask=frame_mask)
        x = self._run("down", masked(x, frame_mask), state, new)
        x = self._run("head", masked(x, mask), state, new)
        return x, (None if state is None else new)


class SpectrumDecoder(_Chain):
    """Quantized latents [B, latent_dim, L] -> MDCT coefficients [B, N, stride * L]."""

    parts = ("tail", "up", "stack", "head")

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        channels, kernel, causal = config.channels, config.kernel_size, config.causal
        self.stride = config.stride
        self.tail = CausalConv1d(config.latent_dim, channels, kernel, causal=causal)
        self.up = CausalConvTranspose1d(
            channels, channels, 2 * config.stride, config.stride, causal=causal
        )
        self.stack = ConvNeXtStack(config, channels, config.decoder_blocks, config.decoder_embed)
        self.head = CausalConv1d(channels, config.coefficients, kernel, causal=causal)
        _init_convolutions(self.tail, self.up, self.head)

    def forward(
        self, x: Tensor, state: State | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        new: State = {}
        frame_mask = None if mask is None else mask.repeat_interleave(self.stride, dim=-1)
        x = self._run("tail", masked(x, mask), state, new)
        x = self._run("up", masked(x, mask), state, new)
        x = self._run("stack", x, state, new, mask=frame_mask)
        x = self._run("head", masked(x, frame_mask), state, new)
        return x, (None if state is None else new)


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """``x`` with zeros where a row has ended, so that a convolution pads it as if it were alone."""
    return x if mask is None else x * mask


def add_weight_norm(*modules: nn.Module) -> None:
    """Weight normalisation of the convolutions around the stacks, as the teacher is trained."""
    for conv in _normed_convolutions(*modules):
        parametrizations.weight_norm(conv, dim=0)


def fold_weight_norm(*modules: nn.Module) -> None:
    """Replace weight normalisation by the weights it gives: same output, less to compute."""
    for conv in _normed_convolutions(*modules):
        if parametrize.is_parametrized(conv):
            parametrize.remove_parametrizations(conv, "weight")


def _normed_convolutions(*modules: nn.Module) -> list[nn.Module]:
    convolutions: list[nn.Module] = []
    for module in modules:
        for name, child in module.named_modules():
            inside_stack = name.startswith("stack.")
            if isinstance(child, (nn.Conv1d, nn.ConvTranspose1d)) and not inside_stack:
                convolutions.append(child)
    return convolutions


def _downsampler(config: BackboneConfig) -> StreamingModule:
    channels, stride = config.channels, config.stride
    if config.causal:
        return CausalConv1d(channels, channels, config.down_kernel, stride)
    return CentredDownsampler(channels, config.down_kernel, stride)


class CentredDownsampler(StreamingModule):
    """A strided convolution padded by ``(kernel - 1) / 2`` zeros on both sides; cannot stream."""

    def __init__(self, channels: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        padding = (kernel_size - 1) // 2
        self.conv = nn.Conv1d(channels, channels, kernel_size, stride, padding)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        raise ValueError("a non-causal convolution cannot stream; use a causal configuration")

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        return self.conv(x), None


def _init_stack(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv1d, nn.Linear)):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _init_convolutions(*modules: nn.Module) -> None:
    for conv in (m for module in modules for m in module.modules()):
        if isinstance(conv, (nn.Conv1d, nn.ConvTranspose1d)):
            nn.init.normal_(conv.weight, std=0.01)
