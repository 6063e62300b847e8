"""P2PSynCodec: one transmitted token stream, the other stages predicted at the receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from secousti.ambient import inference
from secousti.audio.batch import Audio, AudioBatch, as_batch
from secousti.base import ALL, Codec, Mode
from secousti.config import to_dict
from secousti.devices import wide_dtype
from secousti.encoded import Encoded
from secousti.errors import SecoustiError
from secousti.p2psyn.config import P2PSynConfig
from secousti.p2psyn.frontend import PaddedFrontend
from secousti.p2psyn.modes import STAGE_MODES, predicts, stage_modes
from secousti.p2psyn.pseudo_quantizer import PseudoQuantizer
from secousti.p2psyn.teacher import Teacher, token_mask, tokens_for
from secousti.streaming.chunks import in_chunks
from secousti.streaming.state import State, substate

if TYPE_CHECKING:
    from secousti.onecore.linear import Precision
    from secousti.p2psyn.packed import PackedP2PSyn

# A non-causal codec works through long recordings in pieces, each with context on both sides.
_PIECE, _CONTEXT = 1500, 250  # tokens
_CHUNK = 2048  # tokens that causal pseudo VQs work on at once: bounds the memory of their logits


class P2PSynCodec(Codec):
    """The whole codec: one plain token stream; the pseudo stages cost no bits.

    Attributes:
        hop_length: samples per MDCT frame.
        frame_size: samples per token (D of eq. 2).
        codebook_size: entries of the plain codebook.
        modes: ``all`` is the codec, ``plain`` asks no pseudo VQ; then ``STAGE_MODES``, also as a
            list with one for each pseudo stage.
    """

    kind = "p2psyn"
    config_class = P2PSynConfig
    not_in_encoder = ("pseudo", "teacher.decoder")
    not_in_decoder = ("teacher.encoder",)

    def __init__(self, config: P2PSynConfig) -> None:
        super().__init__()
        self.config = config
        self.teacher = Teacher(config)
        self.pseudo = _pseudo_quantizer(config)
        self.sample_rate = config.sample_rate
        self.hop_length = config.backbone.coefficients
        self.frame_size = config.frame_size
        self.codebook_size = config.quantizer.codebook_size
        self._vectors: tuple[list[tuple[int, int]], Tensor] | None = None

    # ---------------------------------------------------------------- what users ask about
    def prepare(self) -> None:
        """Bring what makes tokens to ``config.encode_precision``, as far as the device has it."""
        if self.config.encode_precision == "float64":
            wide = wide_dtype(self.device)
            self.teacher.mdct.to(wide)
            self.teacher.encoder.to(wide)

    @property
    def dtype(self) -> torch.dtype:
        """Of what decodes."""
        return self.teacher.quantizer.codebooks.dtype

    @property
    def encode_dtype(self) -> torch.dtype:
        """In which tokens are made."""
        return next(self.teacher.encoder.parameters()).dtype

    @property
    def modes(self) -> tuple[str, ...]:
        return (ALL, "plain", *STAGE_MODES)

    @property
    def causal(self) -> bool:
        return self.config.backbone.causal

    def streams(self, mode: Mode = ALL) -> bool:
        """Whether tokens can be decoded as they come; ``plain`` needs a causal backbone only."""
        asked = predicts(mode, self.config.quantizer.pseudo_stages)
        return self.causal and (self.config.pseudo.causal or not asked)

    @property
    def delay(self) -> int:
        """MDCT overlap, and what the pseudo VQs look ahead."""
        return self.hop_length + self.config.pseudo.lookahead * self.frame_size

    @property
    def weight_hash(self) -> str:
        """16 hex digits of what tokens mean; pseudo VQs and decoder may differ at a receiver."""
        return self._with_encoder().teacher.meaning_hash()

    def token_modules(self) -> dict[str, nn.Module]:
        return {"encoder": self.teacher.encoder, "quantizer": self.teacher.quantizer}

    def token_config(self) -> dict[str, Any]:
        parts = to_dict(self.config)
        return {name: parts[name] for name in ("sample_rate", "backbone", "quantizer")}

    def decoding_parameters(self, mode: Mode = ALL) -> int:
        plain = not predicts(mode, self.config.quantizer.pseudo_stages)
        return sum(p.numel() for p in (self.teacher if plain else self).parameters())

    @torch.no_grad()
    def code_vectors(self) -> Tensor:
        return self.teacher.quantizer.vectors()[: self.num_codebooks]

    def check_mode(self, mode: Mode) -> None:
        stage_modes(mode, self.config.quantizer.pseudo_stages)

    def check_sent(self, mode: Mode) -> None:
        if "oracle" in stage_modes(mode, self.config.quantizer.pseudo_stages):
            raise SecoustiError(
                "mode 'oracle' needs the tokens of every stage, and only one is sent"
            )

    def check_streams(self, mode: Mode = ALL) -> None:
        self.check_causal()
        self.check_sent(mode)
        if not self.streams(mode):
            raise SecoustiError(
                f"the pseudo VQs of {self.model_id!r} need later tokens, so they decode no "
                "stream: use mode 'plain', or the whole recording"
            )

    def for_streaming(self, precision: Precision = "float32") -> PackedP2PSyn:
        """This codec rebuilt to run live on one core, in the modes that stream.

        Raises:
            SecoustiError: a codec that is not causal, or a precision this processor lacks.
        """
        from secousti.p2psyn.packed import PackedP2PSyn

        return PackedP2PSyn(self, precision)

    # ---------------------------------------------------------------- audio <-> Encoded
    @inference
    def encode(
        self,
        audio: Audio | Iterable[Audio],
        sample_rate: int | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        voice: bool = True,
        stages: Literal["plain", "all"] = "plain",
    ) -> Encoded:
        """``Codec.encode``; ``stages="all"`` gives the teacher's other stages, too."""
        batch = as_batch(audio, self.sample_rate, sample_rate, lengths)
        return self._encode_stages(batch, None if stages == "all" else 1)

    def _encode(self, batch: AudioBatch, voice: bool) -> Encoded:
        return self._encode_stages(batch, 1)

    def _encode_stages(self, batch: AudioBatch, count: int | None) -> Encoded:
        tokens = tokens_for(batch.lengths.to(self.device), self.config)
        total = int(tokens.max()) * self.frame_size
        audio = F.pad(
            batch.wav.to(self.device, self.encode_dtype), (0, total - batch.wav.shape[-1])
        )

        def tokenize(audio: Tensor, lengths: Tensor | None) -> Tensor:
            return self._tokenize(audio, lengths, count)

        codes = self._by_row(tokenize, audio[:, None], tokens, self.frame_size, self.causal)
        return self._as_encoded(codes, tokens, batch.lengths, None)

    def _decode(  # type: ignore[override]
        self,
        codes: Tensor,
        lengths: Tensor,
        voice: Tensor,
        mode: Mode,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> list[Tensor]:
        """``generator``: for the random modes, which are repeatable without one, too."""

        def spectrum(codes: Tensor, lengths: Tensor | None) -> Tensor:
            return self._synthesize(codes, lengths, mode, generator, temperature)

        whole = self._by_row(spectrum, codes, lengths.to(self.device), 1, self.streams(mode))
        return list(self.teacher.to_audio(whole)[:, 0])

    def use_pseudo(self, other: P2PSynCodec) -> None:
        """Predict with the pseudo VQs of ``other``, which has the same plain-token bitstream.

        Raises:
            SecoustiError: the two codecs' tokens do not mean the same.
        """
        if other.weight_hash != self.weight_hash:
            raise SecoustiError(
                f"pseudo VQs of {other.model_id!r} (tokens {other.weight_hash}) do not fit the "
                f"tokens {self.weight_hash} of {self.model_id!r}"
            )
        self.pseudo = other.pseudo
        self.config = replace(self.config, pseudo=other.config.pseudo)

    def _stages(self) -> tuple[int, ...]:
        return (1, self.config.quantizer.pseudo_stages + 1)

    # ---------------------------------------------------------------- the steps
    def frontend(self, rate: int) -> PaddedFrontend:
        return PaddedFrontend(self, rate)

    def encoder_state(self, batch_size: int) -> State:
        start = (batch_size, self.device, self.encode_dtype)
        teacher = self.teacher
        return {
            "mdct": teacher.mdct.init_state(*start),
            "encoder": teacher.encoder.init_state(*start),
        }

    def encode_step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        teacher = self.teacher
        spectrum, mdct = teacher.mdct(inputs.to(self.encode_dtype), substate(state, "mdct"))
        latents, encoder = teacher.encoder(spectrum, substate(state, "encoder"))
        return teacher.quantizer.encode(latents, stages=1), {"mdct": mdct, "encoder": encoder}

    def decoder_state(self, batch_size: int) -> State:
        start = (batch_size, self.device, self.dtype)
        return {
            "pseudo": self.pseudo.init_state(*start),
            "decoder": self.teacher.decoder.init_state(*start),
            "imdct": self.teacher.imdct.init_state(*start),
        }

    def decode_step(
        self,
        codes: Tensor,
        state: State,
        *,
        voice: Tensor,
        mode: Mode = ALL,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, State]:
        return self._step(codes, state, codes.shape[-1], mode, generator)

    def flush_step(
        self,
        state: State,
        *,
        voice: Tensor,
        mode: Mode = ALL,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        ahead = self.config.pseudo.lookahead
        silence = torch.zeros(len(voice), 1, ahead, dtype=torch.int64, device=self.device)
        if not ahead:  # a stream ends with the last whole MDCT frame
            return torch.zeros(len(voice), 0, device=self.device)
        return self._step(silence, state, 0, mode, generator)[0]

    def _step(
        self,
        codes: Tensor,
        state: State,
        given: int,
        mode: Mode,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, State]:
        """Codes [R, 1, L], of which the first ``given`` count, -> audio [R, N]."""
        teacher, vectors = self.teacher, self._code_vectors()
        lengths = torch.full((len(codes),), given, device=codes.device)
        part = substate(state, "pseudo")
        latents, pseudo = self.pseudo(codes, vectors, mode, part, lengths, generator)
        latents = latents.to(self.dtype)
        spectrum, decoder = teacher.decoder(latents, substate(state, "decoder"))
        audio, imdct = teacher.imdct(spectrum, substate(state, "imdct"))
        return audio[:, 0], {"pseudo": pseudo, "decoder": decoder, "imdct": imdct}

    def _code_vectors(self) -> Tensor:
        """``ResidualVQ.vectors`` of the weights as they are, computed once for all steps."""
        weights = list(self.teacher.quantizer.parameters())
        if torch.is_grad_enabled() or torch.compiler.is_compiling():  # as part of a graph
            return self.teacher.quantizer.vectors()
        if any(weight.is_inference() for weight in weights):  # whose changes are not counted
            return self.teacher.quantizer.vectors()
        version = [(weight.data_ptr(), weight._version) for weight in weights]
        if self._vectors is None or self._vectors[0] != version:
            self._vectors = version, self.teacher.quantizer.vectors().detach()
        return self._vectors[1]

    # ---------------------------------------------------------------- as a whole
    def _tokenize(self, audio: Tensor, lengths: Tensor | None, stages: int | None) -> Tensor:
        """Audio [B, 1, frame_size * L] -> codes int64 [B, stages (default all), L]."""
        teacher = self.teacher
        spectrum, _ = teacher.mdct(audio)
        if self.config.backbone.causal:
            latents = in_chunks(teacher.encoder, spectrum)
        else:
            tokens = spectrum.shape[-1] // self.config.backbone.stride
            mask = None if lengths is None else token_mask(lengths, tokens, spectrum.dtype)
            latents, _ = teacher.encoder(spectrum, None, mask)
        return teacher.quantizer.encode(latents, stages)

    def _synthesize(
        self,
        codes: Tensor,
        lengths: Tensor | None,
        mode: Mode,
        generator: torch.Generator | None,
        temperature: float,
    ) -> Tensor:
        """Codes [B, K, L] -> MDCT coefficients [B, N, stride * L]."""
        teacher, lookahead = self.teacher, self.config.pseudo.lookahead
        latents = self._latents(codes, lengths, mode, generator, temperature).to(self.dtype)
        if self.config.backbone.causal:
            spectrum = in_chunks(teacher.decoder, latents)
        else:
            total = latents.shape[-1]
            rows = None if lengths is None else lengths + lookahead
            mask = None if rows is None else token_mask(rows, total, latents.dtype)
            spectrum, _ = teacher.decoder(latents, None, mask)
        return spectrum[..., lookahead * self.config.backbone.stride :]

    def _latents(
        self,
        codes: Tensor,
        lengths: Tensor | None,
        mode: Mode,
        generator: torch.Generator | None,
        temperature: float,
    ) -> Tensor:
        """Codes [B, K, L] -> quantized latents [B, latent_dim, lookahead + L] (eq. 5)."""
        vectors = self.teacher.quantizer.vectors()
        if not self.config.pseudo.causal or codes.shape[-1] <= _CHUNK:
            return self.pseudo(codes, vectors, mode, None, lengths, generator, temperature)[0]
        batch, _, total = codes.shape
        ahead = self.config.pseudo.lookahead
        codes = torch.cat([F.pad(codes[:, :1], (0, ahead)), F.pad(codes[:, 1:], (ahead, 0))], dim=1)
        rows = torch.full((batch,), total, device=codes.device) if lengths is None else lengths
        generator = generator or torch.Generator().manual_seed(0)
        state = self.pseudo.init_state(batch, self.device, self.dtype)
        pieces = []
        for start in range(0, total + ahead, _CHUNK):
            piece = codes[..., start : start + _CHUNK]
            left = (rows - start).clamp(0, piece.shape[-1])
            y, state = self.pseudo(piece, vectors, mode, state, left, generator, temperature)
            pieces.append(y)
        return torch.cat(pieces, dim=-1)

    def _by_row(
        self,
        work: Callable[[Tensor, Tensor | None], Tensor],
        x: Tensor,
        lengths: Tensor,
        unit: int,
        whole: bool,
    ) -> Tensor:
        """``work`` on [B, C, unit * L]: the batch at once, or long rows one by one in pieces.

        Whether a row is cut depends on its own length alone. Nothing is cut if ``whole``: causal
        work bounds its memory itself.
        """
        if whole or int(lengths.max()) <= _PIECE:
            padded = not bool((lengths == lengths.max()).all())
            return work(x, lengths if padded else None)
        rows = []
        for row, count in zip(x, lengths, strict=True):
            parts = []
            for start, stop, first, last in _pieces(int(count)):
                y = work(row[None, :, first * unit : last * unit], None)
                scale = y.shape[-1] // (last - first)
                parts.append(y[0, :, (start - first) * scale : (stop - first) * scale])
            rows.append(torch.cat(parts, dim=-1).T)
        return pad_sequence(rows, batch_first=True).transpose(1, 2)


def _pieces(total: int) -> Iterator[tuple[int, int, int, int]]:
    """(start, stop) of each piece and (first, last) of what it is computed from, in tokens."""
    if total <= _PIECE:
        yield 0, total, 0, total
        return
    for start in range(0, total, _PIECE):
        stop = min(start + _PIECE, total)
        yield start, stop, max(0, start - _CONTEXT), min(total, stop + _CONTEXT)


def _pseudo_quantizer(config: P2PSynConfig) -> PseudoQuantizer:
    quantizer = config.quantizer
    return PseudoQuantizer(
        config.pseudo, config.backbone.latent_dim, quantizer.codebook_size, quantizer.pseudo_stages
    )
