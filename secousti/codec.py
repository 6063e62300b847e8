"""SecoustiCodec: speech -> one token stream and one small vector -> speech (paper, Fig. 3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from secousti.acoustic.decoder import AcousticDecoder
from secousti.acoustic.seanet import SEANetEncoder
from secousti.acoustic.transformer import Transformer
from secousti.ambient import inference
from secousti.audio.batch import Audio, AudioBatch, as_batch
from secousti.audio.mel import LogMel
from secousti.audio.pitch import PitchedMel
from secousti.base import ALL, Codec, Mode
from secousti.config import CodecConfig, to_dict
from secousti.encoded import Encoded
from secousti.errors import SecoustiError
from secousti.frontend import MelFrontend
from secousti.paralinguistic.encoder import ParalinguisticEncoder
from secousti.semantic.connector import SemanticConnector
from secousti.semantic.fsq import FSQ
from secousti.semantic.projection import SemanticProjection
from secousti.semantic.quantizers import build_quantizer
from secousti.streaming.chunks import in_chunks
from secousti.streaming.state import State, substate
from secousti.vocoder import build_vocoder, vocoder_config
from secousti.vocoder.base import Vocoder

if TYPE_CHECKING:
    from secousti.onecore.linear import Precision
    from secousti.onecore.secousti import PackedSecousti


class SecoustiCodec(Codec):
    """The whole codec: one FSQ stream, a voice beside it, and a log-mel on the way to the sound.

    Attributes:
        hop_length: samples per mel frame.
        frames_per_token: mel frames of a token.
    """

    kind = "secousti"
    config_class = CodecConfig
    not_in_encoder = ("acoustic_projection", "connector", "decoder", "vocoder")
    not_in_decoder = ("encoder", "acoustic_projection", "semantic_projection")

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        d_model = config.transformer.d_model
        self.mel = (
            LogMel(config.mel) if config.pitch is None else PitchedMel(config.mel, config.pitch)
        )
        self.encoder = SEANetEncoder(self.mel.channels, config.seanet, config.token_attention)
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
            SecoustiError: a vocoder of other mel frames, or of an unknown kind.
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
    def levels(self) -> tuple[int, ...]:
        return self.quantizer.sizes if isinstance(self.quantizer, FSQ) else ()

    @property
    def voice_size(self) -> int:
        return self.config.paralinguistic.hidden_size

    @property
    def embeddings(self) -> tuple[str, ...]:
        return ("S", "G", "A")

    @property
    def speaks_mel(self) -> bool:
        return True

    @property
    def mel_vocoder(self) -> Vocoder | None:
        return self.vocoder

    @property
    def voice_encoder(self) -> ParalinguisticEncoder:
        return self.paralinguistic

    @property
    def causal(self) -> bool:
        return self.config.seanet.causal and self.config.transformer.causal

    @property
    def delay(self) -> int:
        return 0 if self.vocoder is None else self.vocoder.delay

    @property
    def lookahead(self) -> int:
        return self.mel.overlap // 2 if self.config.mel.mode == "centered" else 0

    def token_modules(self) -> dict[str, nn.Module]:
        semantic = self.semantic_projection
        return {
            "mel": self.mel,
            "encoder": self.encoder,
            "semantic_projection.transformer": semantic.transformer,
            "semantic_projection.mu": semantic.mu,
            "quantizer": self.quantizer,
        }

    def token_config(self) -> dict[str, Any]:
        parts = to_dict(self.config)
        names = ["mel", "pitch", "seanet", "transformer", "quantizer"]
        if self.config.token_attention is not None:  # hashes without it stay what they were
            names.append("token_attention")
        return {name: parts[name] for name in names}

    def voice_modules(self) -> dict[str, nn.Module]:
        return {"mel": self.mel, "paralinguistic": self.paralinguistic}

    @torch.no_grad()
    def code_vectors(self) -> Tensor:
        ids = torch.arange(self.codebook_size, device=self.device)
        return self.quantizer.decode(ids[None]).mT.float()

    def display_mel(self) -> LogMel:
        return self.mel

    def for_streaming(self, precision: Precision = "float32") -> PackedSecousti:
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
        from secousti.onecore.secousti import PackedSecousti

        return PackedSecousti(self, precision)

    # ---------------------------------------------------------------- audio <-> Encoded
    def _encode(self, batch: AudioBatch, voice: bool) -> Encoded:
        mel, frames = self.log_mel(batch)
        codes = self.tokenize(mel, lengths=frames)[0]
        vectors = self.global_vector(mel, frames) if voice else None
        return self._as_encoded(codes, -(-frames // self.frames_per_token), batch.lengths, vectors)

    def _voices(self, batch: AudioBatch) -> Tensor:
        return self.global_vector(*self.log_mel(batch))

    def _decode(
        self, codes: Tensor, lengths: Tensor, voice: Tensor, mode: Mode, **options: Any
    ) -> list[Tensor]:
        mel = self.synthesize_mel(codes, voice.to(self.dtype))[0]
        counts = (lengths * self.frames_per_token).tolist()
        return [self._speak(mel[i : i + 1, :, :n]) for i, n in enumerate(counts)]

    def _speak(self, mel: Tensor) -> Tensor:
        """One row [1, n_mels, T] -> audio [N]."""
        assert self.vocoder is not None
        if mel.shape[-1] == 0:
            return torch.zeros(0, device=self.device)
        return in_chunks(self.vocoder, mel, self.vocoder.lookahead, self.vocoder.silence)[0, 0]

    def check_decodes(self) -> None:
        if self.vocoder is None:
            raise SecoustiError(
                f"the model {self.model_id!r} has no vocoder, so it cannot speak: use decode_mel, "
                "load one that has, or join one: python -m train.pack CODEC VOCODER -o FOLDER"
            )

    @inference
    def decode_mel(self, encoded: Encoded) -> Tensor:
        """Log-mel [B, n_mels, T] of tokens and paralinguistic vectors, for other vocoders.

        Raises:
            SecoustiError: codes of another shape or outside the codebook.
        """
        codes = self.check_codes(encoded.codes.to(self.device))
        voice = self.voices_for(encoded.paralinguistic, len(encoded))
        return self.synthesize_mel(codes, voice.to(self.dtype))[0]

    @inference
    def acoustic(
        self,
        wav: Audio | Iterable[Audio],
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
    def frontend(self, rate: int) -> MelFrontend:
        size, central = self.config.paralinguistic.window_frames, self.paralinguistic.window
        return MelFrontend(rate, self.mel, self.frames_per_token, size, central)

    def encoder_state(self, batch_size: int) -> State:
        return self.token_encoder_state(batch_size)

    def encode_step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        codes, new = self.tokenize(inputs, state)
        assert new is not None
        return codes, new

    def decoder_state(self, batch_size: int) -> State:
        self.check_decodes()
        assert self.vocoder is not None
        return {
            "mel": self.token_decoder_state(batch_size),
            "vocoder": self.vocoder.init_state(batch_size, self.device, self.dtype),
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
        mel, mel_state = self.synthesize_mel(codes, voice.to(self.dtype), substate(state, "mel"))
        assert mel_state is not None
        assert self.vocoder is not None
        audio, vocoder = self.vocoder(mel.to(self.dtype), substate(state, "vocoder"))
        return audio[:, 0], {"mel": mel_state, "vocoder": vocoder}

    def mel_state(self, batch_size: int) -> State:
        return self.token_decoder_state(batch_size)

    def mel_step(self, codes: Tensor, voice: Tensor, state: State) -> tuple[Tensor, State]:
        mel, new = self.synthesize_mel(codes, voice.to(self.dtype), state)
        assert new is not None
        return mel, new

    def flush_step(
        self,
        state: State,
        *,
        voice: Tensor,
        mode: Mode = ALL,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        assert self.vocoder is not None
        vocoder = substate(state, "vocoder")
        assert vocoder is not None
        return self.vocoder.flush(vocoder)[:, 0]

    def voice_step(self, recent: Tensor) -> Tensor:
        return self.global_vector(recent[None], torch.tensor([recent.shape[-1]]))

    # ---------------------------------------------------------------- its parts
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
            return self.token_mel(codes, voice, state)
        if codes.shape[-1] <= _CHUNK_TOKENS or not self.config.seanet.causal:
            return self.token_mel(codes, voice, None)
        state = self.token_decoder_state(codes.shape[0])
        pieces = []
        for piece in codes.split(_CHUNK_TOKENS, dim=-1):
            mel, state = self.token_mel(piece, voice, state)
            pieces.append(mel)
        return torch.cat(pieces, dim=-1), None

    def token_mel(
        self, codes: Tensor, voice: Tensor, state: State | None
    ) -> tuple[Tensor, State | None]:
        """``synthesize_mel`` with G [B, d_model], in one piece."""
        semantic = self.quantizer.decode(codes[:, 0]).to(self._decode_dtype)
        voice = voice.to(self._decode_dtype)
        fused = self.connector.fuse(semantic, voice)
        a_hat, connector = self.connector(fused, substate(state, "connector"), voice)
        mel, decoder = self.decoder(a_hat, substate(state, "decoder"), voice)
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


# Tokens worked on at once offline: bounds memory on long recordings.
_CHUNK_TOKENS = 2048
