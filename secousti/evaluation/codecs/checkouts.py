"""Codecs that are no packages: run from the user's checkout of the authors' repository."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from secousti.errors import SecoustiError
from secousti.evaluation.audio import Samples
from secousti.evaluation.codecs.base import Codec, CodecInfo, Coded, TokenCodec
from secousti.evaluation.codecs.packages import as_streams, count_parameters
from secousti.evaluation.external import import_from, local_path
from secousti.evaluation.tokens import Codes
from secousti.hub.resolve import bundled_models


@dataclass
class CheckoutCodec(TokenCodec):
    """Shared part: a ``checkout`` folder and files of weights inside or outside it."""

    checkout: str = ""

    title: ClassVar[str]
    repository: ClassVar[str]
    files: ClassVar[tuple[str, ...]]
    rate: ClassVar[int]
    hop: ClassVar[int]
    sizes: ClassVar[tuple[int, ...]]

    def path(self, option: str) -> Path:
        """The file or folder the user named with ``option``."""
        example = ",".join(f"{name}=PATH" for name in ("checkout", *self.files))
        hint = f"a checkout of {self.repository} and its weights: --codec {self.name}:{example}"
        return local_path(getattr(self, option), self.title, hint)

    def check(self) -> None:
        for option in ("checkout", *self.files):
            self.path(option)

    def load(self, module: str) -> Any:
        """A module of the checkout."""
        return import_from(self.path("checkout"), module, self.title)

    def info(self) -> CodecInfo:
        return CodecInfo(
            name=self.name,
            label=self.title,
            sample_rate=self.rate,
            frame_rate=self.rate / self.hop,
            codebook_sizes=self.sizes,
            parameters=count_parameters(*self.modules()),
            causal=False,
            version=", ".join(self.path(option).name for option in self.files),
        )

    def wave(self, samples: Samples) -> Any:
        """``[1, T]`` on the device, padded to a whole frame."""
        import torch

        padded = np.pad(samples, (0, -len(samples) % self.hop))
        return torch.from_numpy(padded)[None].to(self.device)

    @abstractmethod
    def modules(self) -> tuple[Any, ...]:
        """The networks."""


@dataclass
class WavTokenizer(CheckoutCodec):
    """WavTokenizer (Ji et al. 2024): one codebook of 4,096 at 40 Hz."""

    config: str = ""
    weights: str = ""

    title = "WavTokenizer"
    repository = "github.com/jishengpeng/WavTokenizer"
    files = ("config", "weights")
    rate, hop, sizes = 24000, 600, (4096,)

    @cached_property
    def _model(self) -> Any:
        kind = self.load("decoder.pretrained").WavTokenizer
        paths = str(self.path("config")), str(self.path("weights"))
        return kind.from_pretrained0802(*paths).eval().to(self.device)

    def modules(self) -> tuple[Any, ...]:
        return (self._model,)

    def _bandwidth(self) -> Any:
        import torch

        return torch.tensor([0], device=self.device)

    def encode(self, samples: Samples) -> list[Codes]:
        import torch

        with torch.inference_mode():
            _, codes = self._model.encode_infer(self.wave(samples), bandwidth_id=self._bandwidth())
        return as_streams(codes[:, 0])

    def decode(self, codes: list[Codes]) -> Samples:
        import torch

        with torch.inference_mode():
            stacked = torch.from_numpy(np.stack(codes))[:, None].to(self.device)
            features = self._model.codes_to_features(stacked)
            return self._model.decode(features, bandwidth_id=self._bandwidth()).cpu().numpy()


@dataclass
class WavTokenizer75(WavTokenizer):
    """WavTokenizer at 75 Hz."""

    title = "WavTokenizer 75 Hz"
    hop = 320


@dataclass
class BigCodec(CheckoutCodec):
    """BigCodec (Xin et al. 2024): one codebook of 8,192 at 80 Hz."""

    weights: str = ""

    title = "BigCodec"
    repository = "github.com/Aria-K-Alethia/BigCodec"
    files = ("weights",)
    rate, hop, sizes = 16000, 200, (8192,)

    @cached_property
    def _models(self) -> tuple[Any, Any]:
        states = load_weights(self.path("weights"))
        encoder = self.load("vq.codec_encoder").CodecEncoder()
        decoder = self.load("vq.codec_decoder").CodecDecoder()
        encoder.load_state_dict(states["CodecEnc"])
        decoder.load_state_dict(states["generator"])
        return encoder.eval().to(self.device), decoder.eval().to(self.device)

    def modules(self) -> tuple[Any, ...]:
        return self._models

    def encode(self, samples: Samples) -> list[Codes]:
        import torch

        encoder, decoder = self._models
        with torch.inference_mode():
            _, codes, _ = decoder(encoder(self.wave(samples)[:, None]), vq=True)
        return [codes.reshape(-1).cpu().numpy()]

    def decode(self, codes: list[Codes]) -> Samples:
        import torch

        _, decoder = self._models
        with torch.inference_mode():
            ids = torch.from_numpy(codes[0])[None, :, None].to(self.device)
            latents = decoder.vq2emb(ids).transpose(1, 2)
            return decoder(latents, vq=False).cpu().numpy()


@dataclass
class FaCodec(CheckoutCodec):
    """FACodec (Ju et al. 2024): prosody, content and detail codes, and a voice vector of 256.

    The voice vector is sent once, counted as 256 x 16 bit of side information.

    Attributes:
        encoder: ns3_facodec_encoder.bin.
        decoder: ns3_facodec_decoder.bin.
    """

    encoder: str = ""
    decoder: str = ""

    title = "FACodec"
    repository = "github.com/lifeiteng/naturalspeech3_facodec"
    files = ("encoder", "decoder")
    rate, hop, sizes = 16000, 200, (1024,) * 6

    @cached_property
    def _models(self) -> tuple[Any, Any]:
        package = self.load("ns3_codec")
        encoder = package.FACodecEncoder(ngf=32, up_ratios=[2, 4, 5, 5], out_channels=256)
        decoder = package.FACodecDecoder(
            in_channels=256,
            upsample_initial_channel=1024,
            ngf=32,
            up_ratios=[5, 5, 4, 2],
            vq_num_q_c=2,
            vq_num_q_p=1,
            vq_num_q_r=3,
            vq_dim=256,
            codebook_dim=8,
            codebook_size_prosody=10,
            codebook_size_content=10,
            codebook_size_residual=10,
            use_gr_x_timbre=True,
            use_gr_residual_f0=True,
            use_gr_residual_phone=True,
        )
        encoder.load_state_dict(load_weights(self.path("encoder")))
        decoder.load_state_dict(load_weights(self.path("decoder")))
        return encoder.eval().to(self.device), decoder.eval().to(self.device)

    def modules(self) -> tuple[Any, ...]:
        return self._models

    def code(self, audio: Any) -> Coded:
        from dataclasses import replace

        coded = super().code(audio)
        return replace(coded, bits=replace(coded.bits, side_information=256 * 16))

    def encode(self, samples: Samples) -> list[Codes]:
        import torch

        encoder, decoder = self._models
        with torch.inference_mode():
            latents = encoder(self.wave(samples)[:, None])
            _, codes, _, _, voice = decoder(latents, eval_vq=False, vq=True)
        self._voice = voice
        return as_streams(codes[:, 0])

    def decode(self, codes: list[Codes]) -> Samples:
        import torch

        _, decoder = self._models
        with torch.inference_mode():
            stacked = torch.from_numpy(np.stack(codes))[:, None].to(self.device)
            latents = decoder.vq2emb(stacked, True)
            return decoder.inference(latents, self._voice).cpu().numpy()


@dataclass
class MdctCodec(Codec):
    """MDCTCodec (Jiang et al. 2024): all stages of the teacher inside one of our P2PSyn models.

    Its authors published no package; the teacher of P2PSynCodec is this codec (section 2.4.1).
    """

    model: str = ""

    @cached_property
    def _codec(self) -> Any:
        from secousti.hub.resolve import load_codec

        codec = load_codec(self.model, device=self.device).eval()
        if "oracle" not in codec.modes:
            raise SecoustiError(f"MDCTCodec needs a P2PSynCodec model; {self.model} is none")
        return codec

    def check(self) -> None:
        hint = "the P2PSynCodec model whose teacher it is: --codec mdctcodec:model=FOLDER"
        if self.model not in bundled_models():
            local_path(self.model, "MDCTCodec", hint)

    def info(self) -> CodecInfo:
        from secousti.hub.weights import hash_of

        codec = self._codec
        stages = codec.config.quantizer.pseudo_stages + 1
        return CodecInfo(
            name=self.name,
            label=f"MDCTCodec x{stages}",
            sample_rate=codec.sample_rate,
            frame_rate=codec.frame_rate,
            codebook_sizes=(codec.codebook_size,) * stages,
            parameters=count_parameters(codec.teacher),
            causal=codec.config.backbone.causal,
            version=f"weights {hash_of(codec.teacher)[:12]}",
        )

    def code(self, audio: Any) -> Coded:
        import torch

        from secousti.evaluation.audio import Audio
        from secousti.evaluation.codecs.base import Bits, timed
        from secousti.evaluation.codecs.ours import streams

        wav = torch.from_numpy(audio.samples)[None, None]
        encoded, encode_seconds = timed(
            lambda: self._codec.encode(wav, sample_rate=audio.rate, stages="all")
        )
        decoded, decode_seconds = timed(lambda: self._codec.decode(encoded, mode="oracle"))
        wave = Audio(decoded[0, 0].float().cpu().numpy(), self._codec.sample_rate)
        bits = Bits(encoded.bits.tokens)
        return Coded(wave, bits, streams(encoded), encode_seconds, decode_seconds)


def load_weights(path: Path) -> Any:
    """Tensors of a ``.pt`` or ``.bin`` file; no other object is unpickled.

    Raises:
        SecoustiError: the file holds something else.
    """
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle raises many kinds
        raise SecoustiError(f"cannot read tensors from {path}: {error}") from error
