"""A codec rebuilt to run live on one core: every token costs little, and the same everywhere."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from secousti.codec import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.onecore.backbone import StepBackbone
from secousti.onecore.conv import with_packed_convs
from secousti.onecore.linear import PRECISIONS, Precision, pack, token_precision
from secousti.onecore.steps import SteppedMel, SteppedVocoder, in_steps, row_by_row
from secousti.onecore.transformer import StepTransformer
from secousti.streaming.state import State
from secousti.vocoder.base import Vocoder
from secousti.vocoder.causal_istft import CausalIstftVocoder, HarmonicHead
from secousti.vocoder.pitch import wide_dtype

M = TypeVar("M", bound=nn.Module)


class StreamingCodec(SecoustiCodec):
    """``codec`` with packed weights and ring caches, made by ``SecoustiCodec.for_streaming``.

    It works one token of one stream at a time, offline too, which makes its streams bit-equal to
    its offline result at every precision. Parts that are not packed are shared with ``codec``.
    """

    def __init__(self, codec: SecoustiCodec, precision: Precision = "float32") -> None:
        if precision not in PRECISIONS:
            raise SecoustiError(f"precision is one of {', '.join(PRECISIONS)}, not {precision!r}")
        if not codec.config.seanet.causal or not codec.config.transformer.causal:
            raise SecoustiError("a codec that is not causal cannot stream")
        nn.Module.__init__(self)
        # computed while every weight is there, and kept
        codec.weight_hash, codec.token_hash, codec.voice_hash  # noqa: B018
        self.__dict__.update(vars(codec))
        self.precision = precision
        self._placement = codec.device, codec.dtype
        self._modules = {**codec._modules, **self._packed_modules(codec, precision)}
        self.eval()

    @staticmethod
    def _packed_modules(codec: SecoustiCodec, precision: Precision) -> dict[str, nn.Module]:
        semantic, connector, decoder = codec.semantic_projection, codec.connector, codec.decoder
        mu = semantic.mu
        wide = codec._decode_dtype if precision == "float32" else torch.float32
        packed: dict[str, nn.Module] = {
            "mel": SteppedMel(codec.mel),
            "encoder": with_packed_convs(codec.encoder, codec.dtype),
            "semantic_projection": _with(
                semantic,
                transformer=StepTransformer(
                    semantic.transformer, token_precision(semantic.transformer, precision)
                ),
                # What decides the token keeps its precision.
                mu=_Frames(pack(mu.weight, mu.bias, "float32")),
            ),
            "connector": _with(
                connector, transformer=StepTransformer(connector.transformer, precision)
            ),
            "decoder": _with(
                decoder,
                transformer=StepTransformer(decoder.transformer, precision),
                seanet=with_packed_convs(decoder.seanet, wide),
            ),
        }
        if codec.vocoder is not None:
            packed["vocoder"] = SteppedVocoder(
                _packed_vocoder(codec.vocoder, precision), codec.frames_per_token
            )
        return packed

    @property
    def device(self) -> torch.device:
        """Where the weights are; packed ones stay there."""
        return self._placement[0]

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights that were packed."""
        return self._placement[1]

    def for_streaming(self, precision: Precision = "float32") -> StreamingCodec:
        """This codec, if it is of that precision.

        Raises:
            SecoustiError: it is not; packed weights cannot be packed anew.
        """
        if precision != self.precision:
            raise SecoustiError(
                f"this codec is packed as {self.precision}: make a {precision} one from the codec "
                "it was made from"
            )
        return self

    def save_pretrained(
        self, folder: str | Path, dtype: torch.dtype | None = None, *, transformers: bool = False
    ) -> Path:
        """Packed weights have no file format.

        Raises:
            SecoustiError: always.
        """
        raise SecoustiError("packed weights cannot be saved: save the codec they were made from")

    def tokenize(
        self, mel: Tensor, state: State | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        """As ``SecoustiCodec.tokenize``; a given state is used up."""
        counts = [mel.shape[-1]] * mel.shape[0] if lengths is None else lengths.tolist()

        def work(i: int, row: State) -> tuple[Tensor, State]:
            return in_steps(self._token, mel[i : i + 1, :, : counts[i]], row, self.frames_per_token)

        start = state or self.token_encoder_state(mel.shape[0])
        codes, new = row_by_row(work, mel.shape[0], start)
        padded = pad_sequence([row[0, 0] for row in codes], batch_first=True)
        return padded[:, None], None if state is None else new

    @property
    def _decode_dtype(self) -> torch.dtype:
        transformer = self.connector.transformer
        assert isinstance(transformer, StepTransformer)
        return transformer.dtype

    def _token(self, mel: Tensor, state: State) -> tuple[Tensor, State | None]:
        return self._tokenize(mel, state, None)

    def synthesize_mel(
        self, codes: Tensor, hidden: Tensor, state: State | None = None
    ) -> tuple[Tensor, State | None]:
        """As ``SecoustiCodec.synthesize_mel``; a given state is used up."""

        def work(i: int, row: State) -> tuple[Tensor, State]:
            voice = self.paralinguistic.project(hidden[i : i + 1])

            def step(code: Tensor, state: State) -> tuple[Tensor, State | None]:
                return self._synthesize_mel(code, voice, state)

            return in_steps(step, codes[i : i + 1], row, 1)

        start = state or self.token_decoder_state(codes.shape[0])
        mel, new = row_by_row(work, codes.shape[0], start)
        return torch.cat(mel), None if state is None else new


def _packed_vocoder(vocoder: Vocoder, precision: Precision) -> Vocoder:
    """``causal_istft`` with a packed backbone; others as they are."""
    if not isinstance(vocoder, CausalIstftVocoder):
        return vocoder
    packed = {"backbone": StepBackbone(vocoder.backbone, precision)}
    if isinstance(vocoder.head, HarmonicHead):
        # It works in double precision: weights that are, need not be made so at every step.
        pitch = copy.deepcopy(vocoder.head.pitch).to(wide_dtype(next(vocoder.parameters()).device))
        return _with(vocoder, **packed, head=_with(vocoder.head, pitch=pitch))
    return _with(vocoder, **packed)


class _Frames(nn.Module):
    """A packed layer for [1, T, C]."""

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x[0])[None]


def _with(module: M, **children: nn.Module) -> M:
    """A copy of ``module`` that shares everything but ``children``."""
    clone = copy.copy(module)
    clone._modules = {**module._modules, **children}
    return clone
