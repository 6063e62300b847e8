"""Codecs through their own pip packages, with weights on this machine."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from secousti.errors import SecoustiError, require
from secousti.evaluation.audio import Samples
from secousti.evaluation.codecs.base import CodecInfo, TokenCodec
from secousti.evaluation.external import local_path, weights_version
from secousti.evaluation.metrics.base import Requirement
from secousti.evaluation.tokens import Codes


def count_parameters(*modules: Any) -> int:
    """Weights of all modules together."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def as_streams(codes: Any) -> list[Codes]:
    """Tensor ``[K, L]`` -> K arrays."""
    return list(codes.cpu().numpy().astype(np.int64))


@dataclass
class Snac(TokenCodec):
    """SNAC (Siuzdak et al. 2024): codebooks at several rates. ``model``: a local folder."""

    model: str = ""

    requires = (Requirement("snac"),)

    @cached_property
    def _model(self) -> Any:
        folder = local_path(self.model, "SNAC", "a local folder: --codec snac:model=FOLDER")
        return require("snac", "eval").SNAC.from_pretrained(str(folder)).eval().to(self.device)

    def check(self) -> None:
        super().check()
        self.info()

    def info(self) -> CodecInfo:
        model = self._model
        finest = model.sampling_rate / model.hop_length / min(model.vq_strides)
        return CodecInfo(
            name=self.name,
            label="SNAC",
            sample_rate=model.sampling_rate,
            frame_rate=finest,
            codebook_sizes=(model.codebook_size,) * len(model.vq_strides),
            parameters=count_parameters(model),
            causal=False,
            version=f"{self.versions()}, {weights_version(self.model)}",
        )

    def encode(self, samples: Samples) -> list[Codes]:
        import torch

        with torch.inference_mode():
            codes = self._model.encode(torch.from_numpy(samples)[None, None].to(self.device))
        return [stream[0].cpu().numpy() for stream in codes]

    def decode(self, codes: list[Codes]) -> Samples:
        import torch

        streams = [torch.from_numpy(stream)[None].to(self.device) for stream in codes]
        with torch.inference_mode():
            return self._model.decode(streams).cpu().numpy()


@dataclass
class SpeechTokenizer(TokenCodec):
    """SpeechTokenizer (Zhang et al. 2023) with its first ``quantizers`` codebooks.

    Attributes:
        config: its config.json.
        weights: its SpeechTokenizer.pt.
    """

    config: str = ""
    weights: str = ""
    quantizers: int = 2

    requires = (Requirement("speechtokenizer"), Requirement("beartype"))

    @cached_property
    def _model(self) -> Any:
        hint = "its files: --codec speechtokenizer:config=config.json,weights=SpeechTokenizer.pt"
        paths = [local_path(p, "SpeechTokenizer", hint) for p in (self.config, self.weights)]
        kind = require("speechtokenizer", "eval").SpeechTokenizer
        return kind.load_from_checkpoint(*map(str, paths)).eval().to(self.device)

    def check(self) -> None:
        super().check()
        self.info()

    def info(self) -> CodecInfo:
        model = self._model
        return CodecInfo(
            name=self.name,
            label=f"SpeechTokenizer x{self.quantizers}",
            sample_rate=model.sample_rate,
            frame_rate=float(model.sample_rate / model.downsample_rate),
            codebook_sizes=(model.quantizer.bins,) * self.quantizers,
            parameters=count_parameters(model),
            causal=False,
            version=f"{self.versions()}, {weights_version(self.weights)}",
        )

    def encode(self, samples: Samples) -> list[Codes]:
        import torch

        padded = np.pad(samples, (0, -len(samples) % int(self._model.downsample_rate)))
        with torch.inference_mode():
            wave = torch.from_numpy(padded)[None, None].to(self.device)
            return as_streams(self._model.encode(wave, n_q=self.quantizers)[:, 0])

    def decode(self, codes: list[Codes]) -> Samples:
        import torch

        with torch.inference_mode():
            stacked = torch.from_numpy(np.stack(codes))[:, None].to(self.device)  # [K, 1, L]
            return self._model.decode(stacked).cpu().numpy()


@dataclass
class SemantiCodec(TokenCodec):
    """SemantiCodec (Liu et al. 2024): ``tokens`` a second, semantic and acoustic in turn.

    Attributes:
        cache: folder that holds its weights (its own ``cache_path``).
        vocabulary: semantic ids; the acoustic codebook has 8,192.
    """

    cache: str = ""
    tokens: int = 50
    vocabulary: int = 16384

    requires = (Requirement("semanticodec"),)

    @cached_property
    def _model(self) -> Any:
        hint = "the folder of its downloaded weights: --codec semanticodec:cache=FOLDER"
        folder = local_path(self.cache, "SemantiCodec", hint)
        kind = require("semanticodec", "eval").SemantiCodec
        return kind(self.tokens, self.vocabulary, cache_path=str(folder)).eval()

    def check(self) -> None:
        super().check()
        self.info()

    def info(self) -> CodecInfo:
        return CodecInfo(
            name=self.name,
            label=f"SemantiCodec {self.tokens}/s",
            sample_rate=16000,
            frame_rate=self.tokens / 2,
            codebook_sizes=(self.vocabulary, 8192),
            parameters=count_parameters(self._model),
            causal=False,
            version=self.versions(),
        )

    def encode(self, samples: Samples) -> list[Codes]:
        import soundfile

        with tempfile.TemporaryDirectory() as folder:  # it reads files only
            path = Path(folder) / "in.wav"
            soundfile.write(path, samples, 16000, subtype="FLOAT")
            return as_streams(self._model.encode(str(path))[0].T)

    def decode(self, codes: list[Codes]) -> Samples:
        import torch

        stacked = torch.from_numpy(np.stack(codes, axis=1))[None]  # [1, L, 2]
        return np.asarray(self._model.decode(stacked.to(self._model.device)))


@dataclass
class StableCodec(TokenCodec):
    """TAAE / stable-codec (Parker et al. 2024), with one of its bottlenecks set afterwards.

    Attributes:
        config: its model_config.json.
        weights: its checkpoint.
        bottleneck: ``1x46656_400bps``, ``2x15625_700bps`` or ``4x729_1000bps``.
    """

    config: str = ""
    weights: str = ""
    bottleneck: str = "2x15625_700bps"

    requires = (Requirement("stable_codec", distribution="stable-codec"),)

    @cached_property
    def _model(self) -> Any:
        import torch

        hint = "its files: --codec taae:config=model_config.json,weights=model.ckpt"
        config, weights = (local_path(p, "TAAE", hint) for p in (self.config, self.weights))
        kind = require("stable_codec", "eval").StableCodec
        device = torch.device(self.device)
        model = kind(model_config_path=str(config), ckpt_path=str(weights), device=device)
        model.set_posthoc_bottleneck(self.bottleneck)
        return model

    def check(self) -> None:
        self._sizes()
        super().check()
        self.info()

    def _sizes(self) -> tuple[int, ...]:
        try:
            books, size = self.bottleneck.split("_")[0].split("x")
            return (int(size),) * int(books)
        except ValueError as error:
            raise SecoustiError(
                f"unknown bottleneck '{self.bottleneck}' of TAAE; known: 1x46656_400bps, "
                "2x15625_700bps, 4x729_1000bps"
            ) from error

    def info(self) -> CodecInfo:
        model = self._model
        return CodecInfo(
            name=self.name,
            label=f"TAAE {self.bottleneck}",
            sample_rate=int(model.sample_rate),
            frame_rate=25.0,
            codebook_sizes=self._sizes(),
            parameters=count_parameters(model.model),
            causal=False,
            version=f"{self.versions()}, {weights_version(self.weights)}",
        )

    def encode(self, samples: Samples) -> list[Codes]:
        import soundfile
        import torch

        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            path = Path(folder) / "in.wav"  # its level normalisation runs for files only
            soundfile.write(path, samples, self._model.sample_rate, subtype="FLOAT")
            _, tokens = self._model.encode(str(path), posthoc_bottleneck=True)
        stages = tokens if isinstance(tokens, list) else [tokens]
        return [stage[0, :, 0].cpu().numpy() for stage in stages]

    def decode(self, codes: list[Codes]) -> Samples:
        import torch

        stages = [torch.from_numpy(stream)[None, :, None].to(self.device) for stream in codes]
        with torch.inference_mode():
            return self._model.decode(stages, posthoc_bottleneck=True).cpu().numpy()


@dataclass
class SqCodec(TokenCodec):
    """SQCodec (Zhai et al. 2025): one scalar-quantised codebook.

    Its networks work on windows; the tokens of the zeros that fill the last one are neither
    counted nor sent, the decoder fills with the last token instead.

    Attributes:
        model: its own name for the bitrate, e.g. ``0k75bps`` or ``1k5bps``.
        weights: folder of its downloaded weights (its own ``model_dir``).
    """

    model: str = "0k75bps"
    weights: str = ""

    requires = (Requirement("sq_codec"),)

    @cached_property
    def _model(self) -> Any:
        codec = require("sq_codec", "eval").get_model(self.model, model_dir=self._folder())
        codec.network.eval().to(self.device)
        return codec

    def _folder(self) -> Path:
        hint = "the folder of its downloaded weights: --codec sqcodec:weights=FOLDER"
        return local_path(self.weights, "SQCodec", hint)

    def check(self) -> None:
        super().check()
        self._folder()

    def info(self) -> CodecInfo:
        network = self._model.network
        rate = int(self._model.config.sample_rate)
        return CodecInfo(
            name=self.name,
            label=f"SQCodec {self.model}",
            sample_rate=rate,
            frame_rate=rate / network.mc.hop_length,
            codebook_sizes=(int(network.quantizer.vq.codebook_size),),
            parameters=count_parameters(network),
            causal=False,
            version=f"{self.versions()}, {weights_version(self.model)}",
        )

    def encode(self, samples: Samples) -> list[Codes]:
        import torch

        with torch.inference_mode():
            _, ids = self._model.encode_audio(torch.from_numpy(samples)[None].to(self.device))
        count = -(-len(samples) // self._model.network.mc.hop_length)
        return [ids.reshape(-1)[:count].cpu().numpy()]

    def decode(self, codes: list[Codes]) -> Samples:
        import torch

        network = self._model.network
        window = network.fill_length // network.mc.hop_length
        filled = np.pad(codes[0], (0, -len(codes[0]) % window), mode="edge")
        with torch.inference_mode():
            ids = torch.from_numpy(filled)[None].to(self.device)
            return self._model.decode_audio(indices=ids).cpu().numpy()
