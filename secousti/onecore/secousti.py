"""``SecoustiCodec`` packed: its four transformers' steps, its convolutions and its vocoder."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from secousti.ambient import inference
from secousti.base import Mode
from secousti.devices import wide_dtype
from secousti.encoded import Encoded
from secousti.frontend import MelFrontend
from secousti.onecore.backbone import StepBackbone
from secousti.onecore.conv import with_packed_convs
from secousti.onecore.linear import Precision, pack, token_precision
from secousti.onecore.packed import PackedCodec
from secousti.onecore.steps import SteppedMel, SteppedVocoder
from secousti.onecore.swap import swapped
from secousti.onecore.transformer import StepTransformer
from secousti.streaming.chunks import in_steps
from secousti.streaming.state import State, init_states, substate
from secousti.vocoder.backbone import ConvNeXt
from secousti.vocoder.pitch import PitchNet

if TYPE_CHECKING:
    from secousti.codec import SecoustiCodec

M = TypeVar("M", bound=nn.Module)


class PackedSecousti(PackedCodec):
    """See ``SecoustiCodec.for_streaming``."""

    source: SecoustiCodec

    def __init__(self, source: SecoustiCodec, precision: Precision) -> None:
        super().__init__(source, precision)
        semantic, connector, decoder = source.semantic_projection, source.connector, source.decoder
        transformer = semantic.transformer
        exact = token_precision(transformer, precision)
        # Ids that 8-bit weights have changed are no better for float64 around them.
        dtype = source.encode_dtype if exact == "float32" else source.dtype
        self.mel = SteppedMel(source.mel, dtype)
        self.encoder = with_packed_convs(source.encoder, dtype)
        self.semantic = StepTransformer(transformer, exact)
        self.encode_dtype = dtype
        # What decides the token keeps its precision.
        bias = None if semantic.mu.bias is None else semantic.mu.bias.to(dtype)
        self.mu = pack(semantic.mu.weight.to(dtype), bias, "float32")
        self.connector = StepTransformer(connector.transformer, precision)
        self.decoder = StepTransformer(decoder.transformer, precision)
        wide = next(decoder.parameters()).dtype if precision == "float32" else torch.float32
        self.seanet = with_packed_convs(decoder.seanet, wide)
        self.refiner = None
        if source.refiner is not None:
            self.refiner = _packed_backbones(copy.deepcopy(source.refiner).to(wide), precision)
        self.vocoder = None
        if source.vocoder is not None:
            packed = _packed_backbones(source.vocoder, precision)
            self.vocoder = SteppedVocoder(packed, source.frames_per_token)
        self.eval()

    @property
    def unit(self) -> int:
        return self.source.frames_per_token

    def frontend(self, rate: int) -> MelFrontend:
        size = self.source.config.paralinguistic.window_frames
        central = self.source.paralinguistic.window
        return MelFrontend(rate, self.mel, self.unit, size, central)  # type: ignore[arg-type]

    def encoder_state(self, batch_size: int) -> State:
        start = (batch_size, self.device, self.encode_dtype)
        encoder, semantic = self.encoder.init_state(*start), self.semantic.init_state(*start)
        return {"encoder": encoder, "semantic": semantic}

    def encode_token(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        z, encoder = self.encoder(inputs.to(self.encode_dtype), substate(state, "encoder"))
        h, semantic = self.semantic(z, substate(state, "semantic"))
        mu = self.mu(h[:, :, 0])[:, :, None]
        return self.source.quantizer.encode(mu)[:, None], {"encoder": encoder, "semantic": semantic}

    def decoder_state(self, batch_size: int) -> State:
        self.check_decodes()
        assert self.vocoder is not None
        vocoder = self.vocoder.init_state(batch_size, self.device, self.dtype)
        return {"mel": self._mel_state(batch_size), "vocoder": vocoder}

    def decode_token(
        self, code: Tensor, state: State, voice: Tensor, mode: Mode, generator: Any
    ) -> tuple[Tensor, State]:
        assert self.vocoder is not None
        start = substate(state, "mel")
        assert start is not None
        mel, new = self.mel_token(code, self._project(voice), start)
        audio, vocoder = self.vocoder(mel.to(self.dtype), substate(state, "vocoder"))
        return audio[:, 0], {"mel": new, "vocoder": vocoder}

    def flush_stream(self, state: State, voice: Tensor, mode: Mode, generator: Any) -> Tensor:
        vocoder = substate(state, "vocoder")
        assert self.vocoder is not None
        assert vocoder is not None
        return self.vocoder.flush(vocoder)[:, 0]

    def mel_token(self, code: Tensor, g: Tensor, state: State) -> tuple[Tensor, State]:
        """One token int64 [1, 1, 1] with G [1, d_model] -> log-mel [1, n_mels, unit].

        A codec whose layers hear the voice decodes mels as it is: the packed ones do not.
        """
        if self.source.config.voice_injection:
            mel, new = self.source.token_mel(code, g, state)
            assert new is not None
            return mel, new
        dtype = self.connector.dtype
        semantic = self.source.quantizer.decode(code[:, 0]).to(dtype)
        fused = self.source.connector.fuse(semantic, g.to(dtype))
        a_hat, connector = self.connector(fused, substate(state, "connector"))
        z, decoder = self.decoder(a_hat, substate(state, "decoder"))
        mel, seanet = self.seanet(z, substate(state, "seanet"))
        states: State = {"connector": connector, "decoder": decoder, "seanet": seanet}
        if self.refiner is not None:
            mel, states["refiner"] = self.refiner(mel, substate(state, "refiner"))
        return mel.float(), states

    @inference
    def decode_mel(self, encoded: Encoded) -> Tensor:
        """As ``SecoustiCodec.decode_mel``."""
        codes = self.check_codes(encoded.codes).to(self.device)
        voices = self.voices_for(encoded.paralinguistic, len(codes))
        return torch.cat([self._mel(codes[i : i + 1], v) for i, v in enumerate(voices.split(1))])

    def _mel(self, codes: Tensor, voice: Tensor) -> Tensor:
        g = self._project(voice)

        def step(code: Tensor, state: State) -> tuple[Tensor, State]:
            return self.mel_token(code, g, state)

        return in_steps(step, codes, self._mel_state(1), 1)[0]

    def _mel_state(self, batch_size: int) -> State:
        if self.source.config.voice_injection:
            return self.source.token_decoder_state(batch_size)
        start = (batch_size, self.device, self.connector.dtype)
        parts = ("connector", "decoder", "seanet", "refiner")
        return init_states(((n, getattr(self, n)) for n in parts), *start)

    def _project(self, voice: Tensor) -> Tensor:
        return self.source.paralinguistic.project(voice.to(self.connector.dtype))


def _packed_backbones(module: M, precision: Precision) -> M:
    """``module`` with packed ConvNeXt backbones, if it has any."""

    def make(child: nn.Module) -> nn.Module | None:
        if isinstance(child, ConvNeXt):
            return StepBackbone(child, precision)
        if isinstance(child, PitchNet):
            # It works in double precision: weights that are, need not be made so at every step.
            return copy.deepcopy(child).to(wide_dtype(next(module.parameters()).device))
        return None

    return swapped(module, make)
