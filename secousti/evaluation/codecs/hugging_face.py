"""Codecs of the transformers library: EnCodec, DAC, Mimi, X-Codec 2."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from secousti.errors import SecoustiError, require
from secousti.evaluation.audio import Samples
from secousti.evaluation.codecs.base import CodecInfo, TokenCodec
from secousti.evaluation.external import weights_version
from secousti.evaluation.metrics.base import Requirement
from secousti.evaluation.tokens import Codes


@dataclass
class TransformersCodec(TokenCodec):
    """Shared part. ``model`` is a local folder, or a Hub id whose files are in the local cache.

    Nothing is downloaded: fetch the weights with ``hf download ID`` first.
    """

    model: str = ""

    requires = (Requirement("transformers"),)
    architecture: ClassVar[str]
    title: ClassVar[str]
    default: ClassVar[str]
    causal: ClassVar[bool]

    @cached_property
    def _model(self) -> Any:
        kind = getattr(require("transformers", "eval"), self.architecture)
        return self._load(kind).eval().to(self.device)

    def _load(self, kind: Any) -> Any:
        source = self.model or self.default
        try:
            return kind.from_pretrained(source, local_files_only=True)
        except (OSError, ValueError) as error:
            raise SecoustiError(
                f"{self.title} needs the weights of {source}; fetch them with: hf download {source}"
            ) from error

    def check(self) -> None:
        super().check()
        self.info()

    def info(self) -> CodecInfo:
        config = self._model.config
        books = self.books()
        return CodecInfo(
            name=self.name,
            label=f"{self.title} x{books}" if books > 1 else self.title,
            sample_rate=config.sampling_rate,
            frame_rate=self.frame_rate(),
            codebook_sizes=(self.codebook_size(),) * books,
            parameters=sum(parameter.numel() for parameter in self._model.parameters()),
            causal=self.causal,
            version=f"{self.versions()}, {weights_version(self.model or self.default)}",
        )

    @abstractmethod
    def books(self) -> int:
        """Codebooks in use."""

    def frame_rate(self) -> float:
        """Frames a second."""
        return float(self._model.config.frame_rate)

    def codebook_size(self) -> int:
        """Ids a codebook."""
        return int(self._model.config.codebook_size)

    def tensor(self, samples: Samples) -> Any:
        """``[1, 1, T]`` on the device, padded to a whole frame."""
        import torch

        frame = round(self._model.config.sampling_rate / self.frame_rate())
        padded = np.pad(samples, (0, -len(samples) % frame))
        return torch.from_numpy(padded)[None, None].to(self.device)

    def encode(self, samples: Samples) -> list[Codes]:
        import torch

        with torch.inference_mode():
            codes = self._encode(samples)
        return list(codes.cpu().numpy().reshape(-1, codes.shape[-1]))

    def decode(self, codes: list[Codes]) -> Samples:
        import torch

        with torch.inference_mode():
            stacked = torch.from_numpy(np.stack(codes))[None].to(self.device)
            return self._decode(stacked).float().cpu().numpy()

    @abstractmethod
    def _encode(self, samples: Samples) -> Any:
        """Codes whose last dimension is time, all others codebooks."""

    def _decode(self, codes: Any) -> Any:
        """Audio of codes ``[1, K, L]``."""
        return self._model.decode(audio_codes=codes).audio_values


@dataclass
class Encodec(TransformersCodec):
    """EnCodec at 24 kHz (Défossez et al. 2022): ``kbps`` 1.5, 3, 6, 12 or 24."""

    kbps: float = 1.5

    architecture = "EncodecModel"
    title = "EnCodec"
    default = "facebook/encodec_24khz"
    causal = True

    def books(self) -> int:
        return round(self.kbps * 1000 / self.frame_rate() / np.log2(self.codebook_size()))

    def _encode(self, samples: Samples) -> Any:
        return self._model.encode(self.tensor(samples), bandwidth=self.kbps).audio_codes

    def _decode(self, codes: Any) -> Any:
        return self._model.decode(codes[None], [None]).audio_values


@dataclass
class Dac(TransformersCodec):
    """Descript Audio Codec (Kumar et al. 2023) with its first ``quantizers`` codebooks."""

    quantizers: int = 2

    architecture = "DacModel"
    title = "DAC"
    default = "descript/dac_16khz"
    causal = False

    def books(self) -> int:
        return self.quantizers

    def frame_rate(self) -> float:
        config = self._model.config
        return config.sampling_rate / config.hop_length

    def _encode(self, samples: Samples) -> Any:
        return self._model.encode(self.tensor(samples), n_quantizers=self.quantizers).audio_codes


@dataclass
class Mimi(TransformersCodec):
    """Mimi (Défossez et al. 2024) with its first ``quantizers`` codebooks."""

    quantizers: int = 4

    architecture = "MimiModel"
    title = "Mimi"
    default = "kyutai/mimi"
    causal = True

    def books(self) -> int:
        return self.quantizers

    def _encode(self, samples: Samples) -> Any:
        found = self._model.encode(self.tensor(samples), num_quantizers=self.quantizers)
        return found.audio_codes


@dataclass
class XCodec2(TransformersCodec):
    """X-Codec 2 (Ye et al. 2025): one codebook of 65,536 at 50 Hz."""

    architecture = "Xcodec2Model"
    title = "X-Codec 2"
    default = "HKUSTAudio/xcodec2-hf"
    causal = False

    @cached_property
    def _features(self) -> Any:
        return require("transformers", "eval").Xcodec2FeatureExtractor()

    def books(self) -> int:
        return 1

    def frame_rate(self) -> float:
        return self._model.config.sampling_rate / self._model.config.hop_length

    def codebook_size(self) -> int:
        return int(np.prod(self._model.config.quantization_levels))

    def _encode(self, samples: Samples) -> Any:
        rate = self._model.config.sampling_rate
        inputs = self._features(samples, sampling_rate=rate, return_tensors="pt").to(self.device)
        return self._model.encode(**inputs).audio_codes
