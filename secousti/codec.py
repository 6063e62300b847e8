"""SecoustiCodec: speech -> one token stream and one small vector -> speech (paper, Fig. 3)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from secousti.acoustic.decoder import AcousticDecoder
from secousti.acoustic.seanet import SEANetEncoder
from secousti.acoustic.transformer import Transformer
from secousti.audio.batch import Audio, AudioBatch, as_batch
from secousti.audio.mel import LogMel
from secousti.audio.pitch import PitchedMel
from secousti.audio.resample import SincResampler
from secousti.config import CodecConfig
from secousti.encoded import Encoded, with_voice
from secousti.errors import SecoustiError
from secousti.hub.weights import HubMixin
from secousti.paralinguistic.encoder import ParalinguisticEncoder
from secousti.semantic.connector import SemanticConnector
from secousti.semantic.projection import SemanticProjection
from secousti.semantic.quantizers import build_quantizer
from secousti.streaming.chunks import in_chunks
from secousti.streaming.state import State, substate
from secousti.vocoder import build_vocoder, vocoder_config

if TYPE_CHECKING:
    from secousti.onecore.codec import StreamingCodec
    from secousti.onecore.linear import Precision

F = TypeVar("F", bound=Callable)


def inference(method: F) -> F:
    """Run a method without gradients and as in ``eval()``, whatever mode the module is in."""

    @functools.wraps(method)
    def wrapper(self: nn.Module, *args, **kwargs):  # type: ignore[no-untyped-def]
        with torch.no_grad(), _evaluating(self):
            return method(self, *args, **kwargs)

    return wrapper  # type: ignore[return-value]


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    training = [m for m in module.modules() if m.training]
    for m in training:
        m.training = False
    try:
        yield
    finally:
        for m in training:
            m.training = True


class SecoustiCodec(HubMixin, nn.Module):
    """The whole codec. Audio is float32 [B, 1, N] in [-1, 1], codes are int64 [B, 1, L].

    Attributes:
        sample_rate: Hz of the audio inside and out.
        hop_length: samples per mel frame.
        frame_size: samples per token.
        num_codebooks: 1.
    """

    kind = "secousti"
    config_class = CodecConfig
    num_codebooks = 1
    not_in_encoder = ("acoustic_projection", "connector", "decoder", "vocoder")
    not_in_decoder = ("encoder", "acoustic_projection", "semantic_projection")

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        d_model = config.transformer.d_model
        self.mel = (
            LogMel(config.mel) if config.pitch is None else PitchedMel(config.mel, config.pitch)
        )
        self.encoder = SEANetEncoder(self.mel.channels, config.seanet)
        self.acoustic_projection = Transformer(
            config.transformer,
            config.depth.acoustic,
            input_dim=config.seanet.dimension,
            output_dim=config.acoustic_dim,
        )
        self.semantic_projection = SemanticProjection(config)
        self.quantizer = build_quantizer(d_model, config.quantizer)
        self.paralinguistic = ParalinguisticEncoder(
            config.mel.n_mels, d_model, config.paralinguistic
        )
        self.connector = SemanticConnector(config)
        self.decoder = AcousticDecoder(config)
        self.vocoder = None if config.vocoder is None else build_vocoder(config.vocoder, config.mel)
        self.sample_rate = config.mel.sample_rate
        self.hop_length = config.mel.hop_length
        self.frames_per_token = math.prod(config.seanet.ratios)
        self.frame_size = self.hop_length * self.frames_per_token
        self.codebook_size = self.quantizer.codebook_size

    def current_config(self) -> CodecConfig:
        """The configuration with the vocoder that the codec has now.

        Raises:
            SecoustiError: a vocoder that hears other mel frames, or of an unknown kind.
        """
        if self.vocoder is None:
            return replace(self.config, vocoder=None)
        if self.vocoder.mel != self.config.mel:
            raise SecoustiError(
                f"the vocoder speaks mel frames of {self.vocoder.mel}, the codec makes those of "
                f"{self.config.mel}"
            )
        vocoder = vocoder_config(self.vocoder, self.config.vocoder)
        return replace(self.config, vocoder=vocoder)

    def prepare(self) -> None:
        """Bring the connector and the decoder to ``config.decode_precision``."""
        if self.config.decode_precision == "float64":
            self.connector.double()
            self.decoder.double()

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
        """Token bits per second; side information is extra and reported apart."""
        return self.frame_rate * self.bits_per_frame

    @property
    def latency(self) -> int:
        """Algorithmic latency in samples: from the first sample of a token to its sound.

        A whole token must be heard, plus what the mel window and the vocoder look ahead.
        """
        centered = self.config.mel.mode == "centered"
        lookahead = 0 if self.vocoder is None else self.vocoder.delay
        return self.frame_size + (self.mel.overlap // 2 if centered else 0) + lookahead

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights; the quantizer always works in float32."""
        return next(self.parameters()).dtype

    def for_streaming(self, precision: Precision = "float32") -> StreamingCodec:
        """This codec rebuilt to run live on one core: the same tokens in a fraction of the time.

        Args:
            precision: of the transformers' and the vocoder's weights. ``float32`` keeps every
                id; ``float16`` and ``int8`` read half and a quarter as much per token and change
                a few (docs/speed.md).

        Use it with ``StreamEncoder`` and ``StreamDecoder``, one stream each; what is not packed is
        shared with this codec.

        Raises:
            SecoustiError: a codec that is not causal, or a precision this processor lacks.
        """
        from secousti.onecore.codec import StreamingCodec

        return StreamingCodec(self, precision)

    # ---------------------------------------------------------------- audio <-> Encoded
    @inference
    def encode(
        self,
        wav: Audio | Sequence[Audio],
        sample_rate: int | None = None,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> Encoded:
        """Recordings -> tokens and paralinguistic vectors.

        Args:
            wav: a path, an array [N], [B, N] or [B, C, N], or a list of paths and arrays.
            sample_rate: Hz of arrays; the codec's own if not given.
            lengths: samples that count in each row of an array.

        A row's tokens do not depend on its batch, on padding, or on ``train()``.

        Raises:
            SecoustiError: input that is no audio, is empty, or holds NaN.
        """
        batch = as_batch(wav, self.sample_rate, sample_rate, lengths)
        mel, frames = self.log_mel(batch)
        return Encoded(
            codes=self.tokenize(mel, lengths=frames)[0],
            lengths=-(-frames // self.frames_per_token),
            num_samples=batch.lengths.to(self.device),
            sample_rate=self.sample_rate,
            codebook_size=self.codebook_size,
            paralinguistic=self.global_vector(mel, frames),
        )

    @inference
    def decode(self, encoded: Encoded, sample_rate: int | None = None) -> Tensor:
        """Audio float32 [B, 1, N]; rows shorter than the longest end in zeros.

        ``sample_rate``: Hz of the result, the codec's own if not given.
        """
        vocoder = self.vocoder
        if vocoder is None:
            raise SecoustiError("this codec has no vocoder: use decode_mel, or load one that has")
        mel = self.decode_mel(encoded)
        rows = [
            self._speak(mel[i : i + 1, :, : int(n) * self.frames_per_token], int(samples))
            for i, (n, samples) in enumerate(zip(encoded.lengths, encoded.num_samples, strict=True))
        ]
        resampler = SincResampler(self.sample_rate, sample_rate or self.sample_rate)
        return pad_sequence([resampler(row) for row in rows], batch_first=True)[:, None]

    def _speak(self, mel: Tensor, num_samples: int) -> Tensor:
        """One row [1, n_mels, T] -> exactly ``num_samples`` samples [N]."""
        assert self.vocoder is not None
        if mel.shape[-1] == 0:
            return torch.zeros(num_samples, device=self.device)
        wav = in_chunks(self.vocoder, mel, self.vocoder.lookahead, self.vocoder.silence)[0, 0]
        wav = wav[:num_samples].float().clamp(-1, 1)
        return torch.nn.functional.pad(wav, (0, num_samples - len(wav)))

    @inference
    def decode_mel(self, encoded: Encoded) -> Tensor:
        """Log-mel [B, n_mels, T] of tokens and paralinguistic vectors, for other vocoders.

        Raises:
            SecoustiError: codes of another shape or outside the codebook.
        """
        codes = self.check_codes(encoded.codes.to(self.device))
        hidden = encoded.paralinguistic
        if hidden is None:
            hidden = torch.zeros(len(encoded), self.config.paralinguistic.hidden_size)
        return self.synthesize_mel(codes, hidden.to(self.device, self.dtype))[0]

    @inference
    def convert(
        self,
        source: Audio | Encoded,
        reference: Audio | Encoded,
        sample_rate: int | None = None,
    ) -> Tensor:
        """Voice conversion: what ``source`` says in the voice of ``reference``, [B, 1, N]."""
        tokens = source if isinstance(source, Encoded) else self.encode(source, sample_rate)
        voice = reference if isinstance(reference, Encoded) else self.encode(reference, sample_rate)
        return self.decode(with_voice(tokens, voice))

    @inference
    def acoustic(
        self,
        wav: Audio | Sequence[Audio],
        sample_rate: int | None = None,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> Tensor:
        """The continuous acoustic embedding A, [B, acoustic_dim, L] (paper, III-B)."""
        mel, frames = self.log_mel(as_batch(wav, self.sample_rate, sample_rate, lengths))
        z, _ = self.encoder(mel.to(self.dtype), None, frames)
        return self.acoustic_projection(z)[0]

    @inference
    def decode_acoustic(self, acoustic: Tensor) -> Tensor:
        """A [B, acoustic_dim, L] -> log-mel [B, n_mels, T]: what tokens could reach at best."""
        return self.decoder(acoustic.to(self.device, self._decode_dtype))[0].float()

    # ---------------------------------------------------------------- the steps
    def log_mel(self, batch: AudioBatch) -> tuple[Tensor, Tensor]:
        """Log-mel [B, n_mels, T] of padded audio, and its int64 [B] frame counts.

        With ``config.pitch`` its rows follow those of the mel.
        """
        multiple = self.frames_per_token
        wav = batch.wav.to(self.device)
        rows = [
            self.mel(row[None, : int(n)], multiple)[0].T
            for row, n in zip(wav, batch.lengths, strict=True)
        ]
        frames = torch.tensor([len(row) for row in rows], device=self.device)
        return pad_sequence(rows, batch_first=True).transpose(1, 2), frames

    def tokenize(
        self, mel: Tensor, state: State | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State | None]:
        """Log-mel [B, n_mels, T] -> codes int64 [B, 1, ceil(T / frames_per_token)].

        Only the layers that tokens need run. With a state (``token_encoder_state``) T is a
        multiple of ``frames_per_token`` except at the end of a stream. Long input is worked
        through in pieces, which changes nothing but the memory it takes.
        """
        if state is not None:
            return self._tokenize(mel, state, None)
        chunk = _CHUNK_TOKENS * self.frames_per_token
        if mel.shape[-1] <= chunk or not self.config.seanet.causal:
            return self._tokenize(mel, None, lengths)
        state = self.token_encoder_state(mel.shape[0])
        pieces = []
        for start in range(0, mel.shape[-1], chunk):
            rest = None if lengths is None else (lengths - start).clamp(0, chunk)
            codes, state = self._tokenize(mel[..., start : start + chunk], state, rest)
            pieces.append(codes)
        return torch.cat(pieces, dim=-1), None

    def _tokenize(
        self, mel: Tensor, state: State | None, lengths: Tensor | None
    ) -> tuple[Tensor, State | None]:
        z, encoder = self.encoder(mel.to(self.dtype), substate(state, "encoder"), lengths)
        mu, semantic = self.semantic_projection(z, substate(state, "semantic"))
        codes = self.quantizer.encode(mu)[:, None]
        if encoder is None or semantic is None:
            return codes, None
        return codes, {"encoder": encoder, "semantic": semantic}

    def global_vector(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """Who speaks: [B, n_mels, T] and int64 [B] frame counts -> float32 [B, 64]."""
        windows = [
            row[: self.config.mel.n_mels, self.paralinguistic.window(int(n))].T
            for row, n in zip(mel, lengths, strict=True)
        ]
        counts = torch.tensor([len(window) for window in windows], device=mel.device)
        padded = pad_sequence(windows, batch_first=True).transpose(1, 2)
        return self.paralinguistic(padded.to(self.dtype), counts).float()

    def synthesize_mel(
        self, codes: Tensor, hidden: Tensor, state: State | None = None
    ) -> tuple[Tensor, State | None]:
        """Codes [B, 1, L] and the 64 numbers [B, 64] -> log-mel [B, n_mels, L * frames_per_token].

        The mel of a token is final at once: nothing later changes it.
        """
        voice = self.paralinguistic.project(hidden)
        if state is not None:
            return self._synthesize_mel(codes, voice, state)
        if codes.shape[-1] <= _CHUNK_TOKENS or not self.config.seanet.causal:
            return self._synthesize_mel(codes, voice, None)
        state = self.token_decoder_state(codes.shape[0])
        pieces = []
        for piece in codes.split(_CHUNK_TOKENS, dim=-1):
            mel, state = self._synthesize_mel(piece, voice, state)
            pieces.append(mel)
        return torch.cat(pieces, dim=-1), None

    def _synthesize_mel(
        self, codes: Tensor, voice: Tensor, state: State | None
    ) -> tuple[Tensor, State | None]:
        semantic = self.quantizer.decode(codes[:, 0]).to(self._decode_dtype)
        fused = self.connector.fuse(semantic, voice.to(self._decode_dtype))
        a_hat, connector = self.connector(fused, substate(state, "connector"))
        mel, decoder = self.decoder(a_hat, substate(state, "decoder"))
        if connector is None or decoder is None:
            return mel.float(), None
        return mel.float(), {"connector": connector, "decoder": decoder}

    def token_encoder_state(self, batch_size: int) -> State:
        """The start of ``batch_size`` streams for ``tokenize``."""
        return {
            "encoder": self.encoder.init_state(batch_size, self.device, self.dtype),
            "semantic": self.semantic_projection.init_state(batch_size, self.device, self.dtype),
        }

    def token_decoder_state(self, batch_size: int) -> State:
        """The start of ``batch_size`` streams for ``synthesize_mel``."""
        return {
            "connector": self.connector.init_state(batch_size, self.device, self._decode_dtype),
            "decoder": self.decoder.init_state(batch_size, self.device, self._decode_dtype),
        }

    @property
    def _decode_dtype(self) -> torch.dtype:
        return next(self.decoder.parameters()).dtype

    def check_codes(self, codes: Tensor) -> Tensor:
        """``codes`` as [B, 1, L].

        Raises:
            SecoustiError: another shape, or codes outside the codebook.
        """
        if codes.dim() == 2:
            codes = codes[:, None]
        if codes.dim() != 3 or codes.shape[1] != 1:
            raise SecoustiError(f"codes must be [B, 1, L], found {tuple(codes.shape)}")
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < self.codebook_size:
            raise SecoustiError(
                f"codes must lie in 0..{self.codebook_size - 1}, found "
                f"{int(codes.min())}..{int(codes.max())}"
            )
        return codes


# Tokens worked on at once offline: bounds memory on long recordings.
_CHUNK_TOKENS = 2048
