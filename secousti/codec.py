"""SecoustiCodec: speech -> one token stream and one small vector -> speech (paper, Fig. 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from secousti.ambient import inference
from secousti.audio.batch import Audio, AudioBatch, as_batch
from secousti.audio.mel import LogMel
from secousti.base import ALL, Mode
from secousti.config import CodecConfig, to_dict
from secousti.devices import wide_dtype
from secousti.encoded import Encoded
from secousti.errors import SecoustiError
from secousti.frontend import MelFrontend
from secousti.networks import SecoustiNetworks
from secousti.paralinguistic.encoder import ParalinguisticEncoder
from secousti.semantic.fsq import FSQ
from secousti.streaming.chunks import in_chunks
from secousti.streaming.state import State, substate
from secousti.vocoder import vocoder_config
from secousti.vocoder.base import Vocoder

if TYPE_CHECKING:
    from secousti.onecore.linear import Precision
    from secousti.onecore.secousti import PackedSecousti


class SecoustiCodec(SecoustiNetworks):
    """The whole codec: one FSQ stream, a voice beside it, and a log-mel on the way to the sound."""

    kind = "secousti"
    config_class = CodecConfig

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
        """Bring each half to its precision, as far as the device has it."""
        wide = wide_dtype(self.device)
        precise = self.config.encode_precision == "float64"
        self.mel.compute_in(wide if precise else torch.float32)
        if precise:
            self.encoder.to(wide)
            self.semantic_projection.to(wide)
        if self.config.decode_precision == "float64":
            self.connector.to(wide)
            self.decoder.to(wide)
            if self.refiner is not None:
                self.refiner.to(wide)

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
        vectors = self.voice_from_mel(mel, frames) if voice else None
        return self._as_encoded(codes, -(-frames // self.frames_per_token), batch.lengths, vectors)

    def _voices(self, batch: AudioBatch) -> Tensor:
        return self.voice_from_mel(*self.log_mel(batch))

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
        z, _ = self.encoder(mel.to(self.encode_dtype), None, frames)
        return self.acoustic_projection(z.to(self.dtype))[0]

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
        return self.voice_from_mel(recent[None], torch.tensor([recent.shape[-1]]))
