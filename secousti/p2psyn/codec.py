"""P2PSynCodec: one transmitted token stream, the other stages predicted at the receiver."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from secousti.audio.batch import Audio, as_batch
from secousti.audio.resample import SincResampler
from secousti.codec import inference
from secousti.encoded import Encoded
from secousti.errors import SecoustiError
from secousti.hub.weights import HubMixin
from secousti.p2psyn.config import P2PSynConfig
from secousti.p2psyn.modes import predicts
from secousti.p2psyn.pseudo_quantizer import PseudoQuantizer
from secousti.p2psyn.teacher import Teacher, token_mask, tokens_for
from secousti.streaming.chunks import in_chunks

# A non-causal codec works through long recordings in pieces, each with context on both sides.
_PIECE, _CONTEXT = 1500, 250  # tokens
_CHUNK = 2048  # tokens that causal pseudo VQs work on at once: bounds the memory of their logits


class P2PSynCodec(HubMixin, nn.Module):
    """The whole codec. Audio is float32 [B, 1, N] in [-1, 1], codes are int64 [B, 1, L].

    Attributes:
        sample_rate: Hz of the audio inside and out.
        hop_length: samples per MDCT frame.
        frame_size: samples per token (D of eq. 2).
        num_codebooks: 1; the pseudo stages cost no bits.
        codebook_size: entries of the plain codebook.
    """

    kind = "p2psyn"
    config_class = P2PSynConfig
    num_codebooks = 1
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

    # ---------------------------------------------------------------- what users ask about
    @property
    def frame_rate(self) -> float:
        """Tokens per second."""
        return self.sample_rate / self.frame_size

    @property
    def bits_per_frame(self) -> float:
        """Information in one token, log2 of the codebook size."""
        return math.log2(self.codebook_size)

    @property
    def bitrate(self) -> float:
        """Bits per second of the plain tokens, all that is sent (eq. 2)."""
        return self.frame_rate * self.bits_per_frame

    @property
    def causal(self) -> bool:
        """Whether all of it can stream: neither backbone nor pseudo VQs hear later audio."""
        return self.streams("all")

    def streams(self, mode: str | Sequence[str] = "all") -> bool:
        """Whether tokens can be decoded as they come; ``plain`` needs a causal backbone only.

        Raises:
            SecoustiError: an unknown mode.
        """
        asked = predicts(mode, self.config.quantizer.pseudo_stages)
        return self.config.backbone.causal and (self.config.pseudo.causal or not asked)

    @property
    def delay(self) -> int:
        """Samples by which streamed audio lags behind its tokens: MDCT overlap and look-ahead."""
        return self.hop_length + self.config.pseudo.lookahead * self.frame_size

    @property
    def latency(self) -> int | None:
        """Algorithmic latency in samples; ``None`` when the whole recording must be heard."""
        return self.frame_size + self.delay if self.causal else None

    @property
    def weight_hash(self) -> str:
        """16 hex digits of what tokens mean; pseudo VQs and decoder may differ at a receiver."""
        return self.whole.teacher.token_hash()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights; the quantizer always works in float32."""
        return next(self.parameters()).dtype

    # ---------------------------------------------------------------- audio <-> Encoded
    @inference
    def encode(
        self,
        wav: Audio | Sequence[Audio],
        sample_rate: int | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        stages: Literal["plain", "all"] = "plain",
    ) -> Encoded:
        """Recordings -> plain tokens (and, with ``stages="all"``, the teacher's other stages).

        Args:
            wav: a path, an array [N], [B, N] or [B, C, N], or a list of paths and arrays.
            sample_rate: Hz of arrays; the codec's own if not given.
            lengths: samples that count in each row of an array.

        Raises:
            SecoustiError: input that is no audio, is empty, or holds NaN.
        """
        batch = as_batch(wav, self.sample_rate, sample_rate, lengths)
        num_samples = batch.lengths.to(self.device)
        tokens = tokens_for(num_samples, self.config)
        total = int(tokens.max()) * self.frame_size
        audio = F.pad(batch.wav.to(self.device, self.dtype), (0, total - batch.wav.shape[-1]))
        count = None if stages == "all" else 1

        def tokenize(audio: Tensor, lengths: Tensor | None) -> Tensor:
            return self._tokenize(audio, lengths, count)

        return Encoded(
            codes=self._by_row(
                tokenize, audio[:, None], tokens, self.frame_size, self.config.backbone.causal
            ),
            lengths=tokens,
            num_samples=num_samples,
            sample_rate=self.sample_rate,
            codebook_size=self.codebook_size,
        )

    @inference
    def decode(
        self,
        encoded: Encoded,
        sample_rate: int | None = None,
        mode: str | Sequence[str] = "all",
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        """Audio float32 [B, 1, N]; rows shorter than the longest end in zeros.

        Args:
            sample_rate: Hz of the result, the codec's own if not given.
            mode: ``all`` (the codec), ``plain`` (no pseudo VQ), or any of ``STAGE_MODES``, also
                as a list with one for each pseudo stage.
            generator: for the random modes, which are repeatable without one, too.

        Raises:
            SecoustiError: codes of another shape or outside the codebook, or an unknown mode.
        """
        codes, whole = self.check_codes(encoded.codes.to(self.device)), self.streams(mode)

        def spectrum(codes: Tensor, lengths: Tensor | None) -> Tensor:
            return self._synthesize(codes, lengths, mode, generator, temperature)

        lengths = encoded.lengths.to(self.device)
        audio = self.teacher.to_audio(self._by_row(spectrum, codes, lengths, 1, whole))[:, 0]
        resampler = SincResampler(self.sample_rate, sample_rate or self.sample_rate)
        rows = [
            resampler(_exactly(row.float().clamp(-1, 1), int(n)))
            for row, n in zip(audio, encoded.num_samples, strict=True)
        ]
        return pad_sequence(rows, batch_first=True)[:, None]

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
        self.config = _with_pseudo(self.config, other.config)

    def check_codes(self, codes: Tensor) -> Tensor:
        """``codes`` as [B, K, L]: the plain stage, or all stages.

        Raises:
            SecoustiError: another shape, or codes outside the codebook.
        """
        if codes.dim() == 2:
            codes = codes[:, None]
        stages = self.config.quantizer.pseudo_stages + 1
        if codes.dim() != 3 or codes.shape[1] not in (1, stages):
            raise SecoustiError(
                f"codes must be [B, 1, L] or [B, {stages}, L], found {tuple(codes.shape)}"
            )
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < self.codebook_size:
            raise SecoustiError(
                f"codes must lie in 0..{self.codebook_size - 1}, found "
                f"{int(codes.min())}..{int(codes.max())}"
            )
        return codes

    # ---------------------------------------------------------------- the steps
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
        mode: str | Sequence[str],
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
        mode: str | Sequence[str],
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


def _exactly(audio: Tensor, num_samples: int) -> Tensor:
    audio = audio[:num_samples]
    return F.pad(audio, (0, num_samples - len(audio)))


def _pseudo_quantizer(config: P2PSynConfig) -> PseudoQuantizer:
    quantizer = config.quantizer
    return PseudoQuantizer(
        config.pseudo, config.backbone.latent_dim, quantizer.codebook_size, quantizer.pseudo_stages
    )


def _with_pseudo(config: P2PSynConfig, other: P2PSynConfig) -> P2PSynConfig:
    from dataclasses import replace

    return replace(config, pseudo=other.pseudo)
