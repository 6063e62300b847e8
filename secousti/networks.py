"""The networks of SecoustiCodec (paper, Fig. 3), and the passes through them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from secousti.acoustic.decoder import AcousticDecoder
from secousti.acoustic.seanet import SEANetEncoder
from secousti.acoustic.transformer import Transformer
from secousti.audio.batch import AudioBatch
from secousti.audio.mel import LogMel
from secousti.audio.pitch import PitchedMel
from secousti.base import Codec
from secousti.config import CodecConfig
from secousti.paralinguistic.encoder import ParalinguisticEncoder
from secousti.semantic.connector import SemanticConnector
from secousti.semantic.projection import SemanticProjection
from secousti.semantic.quantizers import build_quantizer
from secousti.streaming.chunks import in_steps
from secousti.streaming.state import State, substate
from secousti.vocoder import build_vocoder
from secousti.vocoder.refiner import MelRefiner

_CHUNK_TOKENS = 2048  # worked on at once offline: bounds memory on long recordings


class SecoustiNetworks(Codec):
    """What ``SecoustiCodec`` is made of; each pass runs on whole rows, or on with a state.

    Attributes:
        hop_length: samples per mel frame.
        frames_per_token: mel frames of a token.
    """

    not_in_encoder = ("acoustic_projection", "connector", "decoder", "refiner", "vocoder")
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
        self.refiner = (
            None if config.refiner is None else MelRefiner(config.mel.n_mels, config.refiner)
        )
        self.sample_rate = config.mel.sample_rate
        self.hop_length = config.mel.hop_length
        self.frames_per_token = math.prod(config.seanet.ratios)
        self.frame_size = self.hop_length * self.frames_per_token
        self.codebook_size = self.quantizer.codebook_size

    def log_mel(self, batch: AudioBatch) -> tuple[Tensor, Tensor]:
        """Log-mel [B, n_mels, T] of padded audio, and its int64 [B] frame counts.

        With ``config.pitch`` its rows follow those of the mel.
        """
        multiple = self.frames_per_token
        wav = batch.wav.to(self.device, self.mel.window.dtype)
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
        z, encoder = self.encoder(mel.to(self.encode_dtype), substate(state, "encoder"), lengths)
        mu, semantic = self.semantic_projection(z, substate(state, "semantic"))
        codes = self.quantizer.encode(mu)[:, None]
        if encoder is None or semantic is None:
            return codes, None
        return codes, {"encoder": encoder, "semantic": semantic}

    def voice_from_mel(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """Who speaks: [B, n_mels, T] and int64 [B] frame counts -> float32 [B, 64]."""
        windows = [
            row[: self.config.mel.n_mels, self.paralinguistic.window(int(n))].T
            for row, n in zip(mel, lengths, strict=True)
        ]
        counts = torch.tensor([len(window) for window in windows], device=mel.device)
        padded = pad_sequence(windows, batch_first=True).transpose(1, 2)
        return self.paralinguistic(padded.to(self.dtype), counts).float()

    def synthesize_mel(
        self, codes: Tensor, voice: Tensor, state: State | None = None
    ) -> tuple[Tensor, State | None]:
        """Codes [B, 1, L] in voices [B, 64] -> log-mel [B, n_mels, L * frames_per_token].

        The mel of a token is final at once: nothing later changes it.
        """
        g = self.paralinguistic.project(voice.to(self._decode_dtype))
        if state is not None:
            return self.token_mel(codes, g, state)
        if codes.shape[-1] <= _CHUNK_TOKENS or not self.config.seanet.causal:
            return self.token_mel(codes, g, None)

        def step(codes: Tensor, state: State) -> tuple[Tensor, State | None]:
            return self.token_mel(codes, g, state)

        state = self.token_decoder_state(codes.shape[0])
        return in_steps(step, codes, state, _CHUNK_TOKENS)[0], None

    def token_mel(
        self, codes: Tensor, g: Tensor, state: State | None
    ) -> tuple[Tensor, State | None]:
        """``synthesize_mel`` with G [B, d_model], in one piece."""
        semantic = self.quantizer.decode(codes[:, 0]).to(self._decode_dtype)
        g = g.to(self._decode_dtype)
        fused = self.connector.fuse(semantic, g)
        a_hat, connector = self.connector(fused, substate(state, "connector"), g)
        mel, decoder = self.decoder(a_hat, substate(state, "decoder"), g)
        refiner: State | None = {}
        if self.refiner is not None:
            mel, refiner = self.refiner(mel, substate(state, "refiner"))
        if connector is None or decoder is None or refiner is None:
            return mel.float(), None
        return mel.float(), _joined(connector, decoder, refiner)

    def refined(self, mel: Tensor) -> Tensor:
        """A mel [B, n_mels, T] decoded from tokens as the refiner leaves it, if there is one."""
        return mel if self.refiner is None else self.refiner(mel)[0]

    def token_encoder_state(self, batch_size: int) -> State:
        """The start of ``batch_size`` streams for ``tokenize``."""
        start = (batch_size, self.device, self.encode_dtype)
        return {
            "encoder": self.encoder.init_state(*start),
            "semantic": self.semantic_projection.init_state(*start),
        }

    def token_decoder_state(self, batch_size: int) -> State:
        """The start of ``batch_size`` streams for ``synthesize_mel``."""
        start = (batch_size, self.device, self._decode_dtype)
        connector, decoder = self.connector.init_state(*start), self.decoder.init_state(*start)
        refiner = {} if self.refiner is None else self.refiner.init_state(*start)
        return _joined(connector, decoder, refiner)

    @property
    def dtype(self) -> torch.dtype:
        """Of what neither half's precision is configured for: the voice, the vocoder."""
        return next(self.paralinguistic.parameters()).dtype

    @property
    def encode_dtype(self) -> torch.dtype:
        """In which tokens are made."""
        return next(self.encoder.parameters()).dtype

    @property
    def _decode_dtype(self) -> torch.dtype:
        return next(self.decoder.parameters()).dtype


def _joined(connector: State, decoder: State, refiner: State) -> State:
    """The state of a stream of mels; ``refiner`` is empty where there is none."""
    return {"connector": connector, "decoder": decoder, **({"refiner": refiner} if refiner else {})}
