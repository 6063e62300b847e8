"""Any ``Codec`` as a model of Hugging Face transformers.

``save_pretrained(folder, transformers=True)`` writes what ``AutoModel.from_pretrained(folder,
trust_remote_code=True)`` loads; the code in that folder imports this module, so secousti must be
installed. Shapes and names are those of transformers' own audio codecs (Mimi, EnCodec).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from secousti.ambient import float32_default
from secousti.base import Codec
from secousti.config import from_dict
from secousti.encoded import Encoded
from secousti.errors import SecoustiError, require
from secousti.hub.resolve import codec_class
from secousti.hub.transformers_folder import weights_of, write_code
from secousti.sessions.decoder import StreamDecoder
from secousti.sessions.encoder import StreamEncoder

transformers = require("transformers", "transformers")
BatchFeature = transformers.BatchFeature
ModelOutput = transformers.utils.ModelOutput


class SecoustiConfig(transformers.PretrainedConfig):  # type: ignore[name-defined]
    """What ``SecoustiModel`` is made from.

    Args:
        kind: of codec, as config.json of secousti calls it.
        codec: its hyperparameters, as plain data.
        model_id: what containers of its tokens call it.
    """

    model_type = "secousti"

    def __init__(
        self,
        kind: str = "",
        codec: dict[str, Any] | None = None,
        model_id: str = "unnamed",
        **kwargs: Any,
    ) -> None:
        self.kind = kind
        self.codec = codec or {}
        self.model_id = model_id
        super().__init__(**kwargs)


@dataclass
class SecoustiEncoderOutput(ModelOutput):  # type: ignore[misc,valid-type]
    """``audio_codes`` int64 [B, K, L]; ``audio_codes_mask`` int64 [B, L], 1 where a row has tokens;
    ``voice`` float32 [B, V], who speaks, for codecs that keep a voice; ``encoder_state`` of a
    stream."""

    audio_codes: Tensor | None = None
    audio_codes_mask: Tensor | None = None
    voice: Tensor | None = None
    encoder_state: StreamEncoder | None = None


@dataclass
class SecoustiDecoderOutput(ModelOutput):  # type: ignore[misc,valid-type]
    """``audio_values`` float32 [B, 1, N]; ``decoder_state`` of a stream."""

    audio_values: Tensor | None = None
    decoder_state: StreamDecoder | None = None


@dataclass
class SecoustiOutput(ModelOutput):  # type: ignore[misc,valid-type]
    """What ``encode`` and ``decode`` give, together."""

    audio_codes: Tensor | None = None
    audio_codes_mask: Tensor | None = None
    voice: Tensor | None = None
    audio_values: Tensor | None = None


class SecoustiModel(transformers.PreTrainedModel):  # type: ignore[name-defined]
    """A codec behind the three methods of transformers' audio codecs: encode, decode, forward."""

    config_class = SecoustiConfig
    base_model_prefix = "codec"
    main_input_name = "input_values"
    _supports_sdpa = True

    def __init__(self, config: SecoustiConfig) -> None:
        super().__init__(config)
        self.codec = _new_codec(config)
        self.post_init()

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """As transformers does it, in float32; the decoder gets the precision its config names."""
        loaded = super().from_pretrained(*args, **{"dtype": torch.float32, **kwargs})
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        # What is computed and not saved (filters, tables) transformers leaves empty.
        codec = _new_codec(model.config)
        codec.load_state_dict(model.codec.state_dict(), assign=True)
        codec.model_id = model.config.model_id
        model.codec = codec.to(model.device).eval()
        model.codec.prepare()
        return loaded

    def _init_weights(self, module: Any) -> None:
        """Nothing: the codec's own constructors do it."""

    @property
    def sampling_rate(self) -> int:
        """Hz of the audio inside and out."""
        return self.codec.sample_rate

    def encode(
        self,
        input_values: Tensor,
        padding_mask: Tensor | None = None,
        encoder_state: StreamEncoder | None = None,
        use_streaming: bool = False,
        last: bool = False,
        return_dict: bool | None = None,
    ) -> Any:
        """Audio float32 [B, 1, N] or [B, N] at ``sampling_rate`` -> ``SecoustiEncoderOutput``.

        Args:
            padding_mask: [B, N], 1 where a row has sound; zeros only at the end of rows.
            encoder_state: of the stream that this portion goes on, as the last portion gave it.
            use_streaming: begin a stream when there is no ``encoder_state``.
            last: this portion ends the stream: its incomplete token is made too.

        Raises:
            SecoustiError: audio that is none, or a mask with holes.
        """
        audio = input_values if input_values.dim() == 3 else input_values[:, None]
        if use_streaming or encoder_state is not None:
            output = self._encode_portion(audio, encoder_state, last)
        else:
            lengths = None if padding_mask is None else _lengths(padding_mask)
            found = self.codec.encode(audio, self.codec.sample_rate, lengths)
            output = SecoustiEncoderOutput(
                audio_codes=found.codes,
                audio_codes_mask=_mask(found.lengths, found.codes.shape[-1]),
                voice=found.paralinguistic,
            )
        return output if _as_dict(self, return_dict) else output.to_tuple()

    def _encode_portion(
        self, audio: Tensor, state: StreamEncoder | None, last: bool
    ) -> SecoustiEncoderOutput:
        stream = state or StreamEncoder(self.codec, batch_size=len(audio))
        codes = stream.push(audio)
        if last:
            codes = torch.cat([codes, stream.flush()], dim=-1)
        return SecoustiEncoderOutput(
            audio_codes=codes,
            audio_codes_mask=torch.ones_like(codes[:, 0]),
            voice=stream.voice() if self.codec.voice_size and not last else None,
            encoder_state=None if last else stream,
        )

    def decode(
        self,
        audio_codes: Tensor,
        voice: Tensor | None = None,
        padding_mask: Tensor | None = None,
        decoder_state: StreamDecoder | None = None,
        use_streaming: bool = False,
        last: bool = False,
        return_dict: bool | None = None,
    ) -> Any:
        """Codes int64 [B, K, L] and voices [B, V] -> ``SecoustiDecoderOutput``.

        Args:
            voice: who speaks, as ``encode`` gave it; zeros if not given.
            padding_mask: of the audio [B, N]: rows are cut to their lengths, as in ``encode``.
            decoder_state, use_streaming, last: as in ``encode``.

        Raises:
            SecoustiError: codes outside the codebook, a voice of another shape.
        """
        if use_streaming or decoder_state is not None:
            stream = decoder_state or StreamDecoder(self.codec, voice, batch_size=len(audio_codes))
            audio = stream.push(audio_codes)
            if last:
                audio = torch.cat([audio, stream.flush()], dim=-1)
            output = SecoustiDecoderOutput(audio, None if last else stream)
        else:
            output = SecoustiDecoderOutput(self._decode_whole(audio_codes, voice, padding_mask))
        return output if _as_dict(self, return_dict) else output.to_tuple()

    def _decode_whole(
        self, codes: Tensor, voice: Tensor | None, padding_mask: Tensor | None
    ) -> Tensor:
        codec = self.codec
        if padding_mask is None:
            return codec.decode(codes, voice=voice, mode=codec.modes[0])
        samples = _lengths(padding_mask)
        encoded = Encoded(
            codes=codec.check_codes(codes),
            lengths=-(-samples // codec.frame_size),
            num_samples=samples,
            sample_rate=codec.sample_rate,
            codebook_size=codec.codebook_size,
            paralinguistic=None if voice is None else codec.voices_for(voice, len(codes)),
        )
        return codec.decode(encoded)

    def forward(
        self,
        input_values: Tensor,
        padding_mask: Tensor | None = None,
        audio_codes: Tensor | None = None,
        voice: Tensor | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Audio through tokens and back; with ``audio_codes`` only the second half runs."""
        mask = None
        if audio_codes is None:
            found = self.encode(input_values, padding_mask, return_dict=True)
            audio_codes, mask, voice = found.audio_codes, found.audio_codes_mask, found.voice
        if padding_mask is None:
            padding_mask = torch.ones_like(input_values.reshape(len(input_values), -1))
        audio = self.decode(audio_codes, voice, padding_mask, return_dict=True).audio_values
        output = SecoustiOutput(audio_codes, mask, voice, audio)
        return output if _as_dict(self, return_dict) else output.to_tuple()

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:
        """As transformers does it, with the code that makes it load again."""
        super().save_pretrained(save_directory, **{"state_dict": weights_of(self.codec), **kwargs})
        write_code(Path(save_directory))


def _new_codec(config: SecoustiConfig) -> Codec:
    """A codec of these hyperparameters in memory, whatever transformers does around it."""
    kind = codec_class(config.kind)
    with torch.device("cpu"), float32_default():
        hyperparameters: Any = from_dict(kind.config_class, config.codec, "config.json: codec")
        codec: Codec = kind(hyperparameters)
    return codec


class SecoustiFeatureExtractor(transformers.FeatureExtractionMixin):  # type: ignore[name-defined]
    """Recordings -> a padded batch: ``input_values`` float32 [B, 1, N], ``padding_mask`` [B, N].

    Args:
        sampling_rate: Hz that the model works at.
    """

    model_input_names = ["input_values", "padding_mask"]  # noqa: RUF012

    def __init__(self, sampling_rate: int = 22050, **kwargs: Any) -> None:
        self.sampling_rate = sampling_rate
        super().__init__(**kwargs)

    def __call__(
        self,
        raw_audio: np.ndarray | Sequence[np.ndarray] | Sequence[float],
        sampling_rate: int | None = None,
        return_tensors: str | None = None,
        **_: Any,
    ) -> Any:
        """One mono recording [N] or several; zeros are added at the end of the shorter ones.

        Raises:
            ValueError: no rate, another one than the model's, or audio that is not mono.
        """
        if sampling_rate != self.sampling_rate:
            given = "no sampling_rate was given" if sampling_rate is None else f"{sampling_rate} Hz"
            raise ValueError(
                f"this model takes {self.sampling_rate} Hz, {given}: resample, or let "
                "secousti's encode(audio, sample_rate) do it"
            )
        first = raw_audio[0] if len(raw_audio) else 0.0
        rows = [raw_audio] if np.ndim(first) == 0 else list(raw_audio)
        waves = [np.asarray(row, np.float32) for row in rows]
        for wave in waves:
            if wave.ndim != 1:
                raise ValueError(f"a recording must be mono [N], found {list(wave.shape)}")
        longest = max(len(wave) for wave in waves)
        values = np.stack([np.pad(wave, (0, longest - len(wave))) for wave in waves])[:, None]
        mask = np.stack([np.arange(longest) < len(wave) for wave in waves]).astype(np.int64)
        return BatchFeature({"input_values": values, "padding_mask": mask}, return_tensors)


def _lengths(padding_mask: Tensor) -> Tensor:
    """int64 [B] from a mask [B, N] or [B, 1, N].

    Raises:
        SecoustiError: zeros before ones, or a row of zeros.
    """
    mask = padding_mask.reshape(len(padding_mask), -1) > 0
    lengths = mask.sum(dim=-1)
    ends = torch.arange(mask.shape[-1], device=mask.device) < lengths[:, None]
    if not torch.equal(mask, ends) or bool((lengths == 0).any()):
        raise SecoustiError("a padding_mask must be ones, then zeros, in every row: pad at the end")
    return lengths


def _mask(lengths: Tensor, longest: int) -> Tensor:
    places = torch.arange(longest, device=lengths.device)
    return (places < lengths[:, None]).to(torch.int64)


def _as_dict(model: SecoustiModel, asked: bool | None) -> bool:
    return bool(model.config.use_return_dict) if asked is None else asked


transformers.AutoConfig.register("secousti", SecoustiConfig, exist_ok=True)
transformers.AutoModel.register(SecoustiConfig, SecoustiModel, exist_ok=True)
transformers.AutoFeatureExtractor.register(SecoustiConfig, SecoustiFeatureExtractor, exist_ok=True)
