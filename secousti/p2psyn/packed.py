"""``P2PSynCodec`` packed: its ConvNeXt stacks, its convolutions, and causal pseudo VQs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from secousti.base import Mode
from secousti.onecore.conv import packed_conv
from secousti.onecore.linear import PackedFrames, Precision, token_precision
from secousti.onecore.packed import PackedCodec
from secousti.onecore.swap import Make, swapped
from secousti.p2psyn.convnext import ConvNeXtStack
from secousti.p2psyn.packed_lstm import StepLSTM
from secousti.p2psyn.packed_stack import StepStack
from secousti.p2psyn.pseudo_vq import PaddedLSTM
from secousti.streaming.chunks import in_steps
from secousti.streaming.state import State, substate

if TYPE_CHECKING:
    from secousti.p2psyn.codec import P2PSynCodec


class PackedP2PSyn(PackedCodec):
    """See ``Codec.for_streaming``; it decodes in the modes that stream."""

    source: P2PSynCodec

    def __init__(self, source: P2PSynCodec, precision: Precision) -> None:
        super().__init__(source, precision)
        teacher, dtype = source.teacher, source.dtype
        exact = token_precision(teacher.encoder, precision)
        self.encode_dtype = source.encode_dtype if exact == "float32" else dtype
        self.mdct = copy.deepcopy(teacher.mdct).to(self.encode_dtype)
        self.imdct = teacher.imdct
        encoder = copy.deepcopy(teacher.encoder).to(self.encode_dtype)
        self.encoder = swapped(encoder, _packed(exact, self.encode_dtype))
        self.decoder = swapped(teacher.decoder, _packed(precision, dtype))
        causal = source.config.pseudo.causal
        self.pseudo = swapped(source.pseudo, _packed(precision, dtype)) if causal else source.pseudo
        self.vectors = teacher.quantizer.vectors().detach()
        self.eval()

    def encoder_state(self, batch_size: int) -> State:
        return self._start(batch_size, self.encode_dtype, "mdct", "encoder")

    def encode_token(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        spectrum, mdct = self.mdct(inputs.to(self.encode_dtype), substate(state, "mdct"))
        latents, encoder = self.encoder(spectrum, substate(state, "encoder"))
        codes = self.source.teacher.quantizer.encode(latents, stages=1)
        return codes, {"mdct": mdct, "encoder": encoder}

    def decoder_state(self, batch_size: int) -> State:
        return self._start(batch_size, self.dtype, "pseudo", "decoder", "imdct")

    def decode_token(
        self, code: Tensor, state: State, voice: Tensor, mode: Mode, generator: Any
    ) -> tuple[Tensor, State]:
        return self._sounded(code, state, 1, mode, generator)

    def flush_stream(self, state: State, voice: Tensor, mode: Mode, generator: Any) -> Tensor:
        """What the pseudo VQs looked ahead; a stream ends with the last whole MDCT frame."""
        ahead = self.source.config.pseudo.lookahead
        silence = torch.zeros(1, 1, ahead, dtype=torch.int64, device=self.device)
        if not ahead:
            return torch.zeros(1, 0, device=self.device)

        def token(code: Tensor, state: State) -> tuple[Tensor, State]:
            return self._sounded(code, state, 0, mode, generator)

        return in_steps(token, silence, state, 1)[0]

    def _sounded(
        self, code: Tensor, state: State, given: int, mode: Mode, generator: Any
    ) -> tuple[Tensor, State]:
        """One token (``given`` 0: none, the stream has ended) -> audio [1, frame_size]."""
        lengths = torch.full((1,), given, device=code.device)
        part = substate(state, "pseudo")
        latents, pseudo = self.pseudo(code, self.vectors, mode, part, lengths, generator)
        spectrum, decoder = self.decoder(latents.to(self.dtype), substate(state, "decoder"))
        audio, imdct = self.imdct(spectrum, substate(state, "imdct"))
        return audio[:, 0], {"pseudo": pseudo, "decoder": decoder, "imdct": imdct}

    def _sound(self, codes: Tensor, voice: Tensor, mode: Mode, **options: Any) -> Tensor:
        generator = options.pop("generator", None) or torch.Generator().manual_seed(0)
        return super()._sound(codes, voice, mode, generator=generator, **options)

    def _start(self, batch_size: int, dtype: torch.dtype, *parts: str) -> State:
        start = (batch_size, self.device, dtype)
        return {name: getattr(self, name).init_state(*start) for name in parts}


def _packed(precision: Precision, dtype: torch.dtype) -> Make:
    """Layers of a ``P2PSynCodec`` as packed ones."""

    def make(child: nn.Module) -> nn.Module | None:
        if isinstance(child, ConvNeXtStack):
            return StepStack(child, precision)
        if isinstance(child, PaddedLSTM):
            return StepLSTM(child, precision)
        if isinstance(child, nn.Linear):
            return PackedFrames(child.weight, child.bias, precision)
        return packed_conv(child, dtype)

    return make
