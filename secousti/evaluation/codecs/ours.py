"""Our own codecs through the public API, and what the vocoder alone would cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from typing import Any, ClassVar

import numpy as np

from secousti.errors import SecoustiError
from secousti.evaluation.audio import Audio, fit
from secousti.evaluation.codecs.base import Bits, Codec, CodecInfo, Coded, timed
from secousti.evaluation.tokens import Codes
from secousti.version import __version__


@dataclass
class Secousti(Codec):
    """One of our codecs by name, folder or Hub id.

    Attributes:
        mode: one of its ``modes``: a P2PSynCodec's ``plain`` is without its pseudo VQs.
    """

    revision: ClassVar[int] = 2  # tokens are made in float64 and stored by the learned coder

    model: str = "mini-21hz"
    mode: str = "all"

    @cached_property
    def _codec(self) -> Any:
        from secousti.hub.resolve import load_codec

        return load_codec(self.model, device=self.device).eval()

    @property
    def inner(self) -> Any:
        """The model itself."""
        return self._codec

    @cached_property
    def _hash(self) -> str:
        """Of everything that makes the sound: a P2PSynCodec's own hash names its tokens only."""
        from secousti.hub.weights import hash_of

        return hash_of(self._codec)

    @cached_property
    def _gflops(self) -> float | None:
        from secousti.evaluation.p2psyn.flops import paper_gflops

        return paper_gflops(self._codec, self.mode)

    def check(self) -> None:
        from secousti.hub.resolve import resolve

        try:
            resolve(self.model)
        except SecoustiError as error:
            raise SecoustiError(f"no codec and no model is called so; {error}") from error
        self._codec.check_sent(self.mode)
        self.info()

    def versions(self) -> str:
        coder = self._codec.coder
        stored = "" if coder is None else f", coder {sha256(coder.content).hexdigest()[:8]}"
        return f"weights {self._hash[:12]}{stored}, secousti {__version__}"

    def info(self) -> CodecInfo:
        codec = self._codec
        latency = codec.latency(self.mode)
        return CodecInfo(
            name=self.name,
            label=self.name,
            sample_rate=codec.sample_rate,
            frame_rate=codec.frame_rate,
            codebook_sizes=(codec.codebook_size,) * codec.num_codebooks,
            parameters=codec.decoding_parameters(self.mode),
            gflops=self._gflops,
            causal=codec.streams(self.mode),
            latency_ms=None if latency is None else 1000 * latency / codec.sample_rate,
            version=self.versions(),
        )

    def code(self, audio: Audio) -> Coded:
        import torch

        wav = torch.from_numpy(audio.samples)[None, None]
        encoded, encode_seconds = timed(lambda: self._codec.encode(wav, sample_rate=audio.rate))
        return self._through_file(encoded, encode_seconds)

    def _through_file(self, encoded: Any, encode_seconds: float = 0.0) -> Coded:
        """Decode what a ``.sct`` file of ``encoded`` holds, and count that file's bits."""
        from secousti.container.encoded import (
            codec_coders,
            codec_header,
            read_encoded,
            write_encoded,
        )

        codec = self._codec
        file = BytesIO()
        found = write_encoded(file, encoded, codec_header(codec), coder=codec.coder)
        tokens = min(float(found.tokens), encoded.bits.tokens)  # what rounds them up is container
        container = found.total - tokens - found.side_information
        bits = Bits(tokens, found.side_information, container=container)
        file.seek(0)
        received, _ = read_encoded(file, coders=codec_coders(codec))
        sent = received.to(self.device)
        decoded, decode_seconds = timed(lambda: codec.decode(sent, mode=self.mode))
        wave = Audio(decoded[0, 0].float().cpu().numpy(), codec.sample_rate)
        return Coded(wave, bits, streams(received), encode_seconds, decode_seconds)

    def convert(self, source: Audio, voice: Audio) -> Coded:
        """Tokens of ``source`` with the paralinguistic vector of ``voice`` (paper, Table IV).

        Raises:
            SecoustiError: this codec has no paralinguistic vector.
        """
        import torch

        from secousti.encoded import with_voice

        codec = self._codec
        if not codec.voice_size:
            raise SecoustiError(f"{self.name} cannot convert voices: it has no voice vector")
        sides = [
            codec.encode(torch.from_numpy(side.samples)[None, None], sample_rate=side.rate)
            for side in (source, voice)
        ]
        return self._through_file(with_voice(*sides))


def streams(encoded: Any) -> list[Codes]:
    """The id streams of the first recording of an ``Encoded``."""
    return list(encoded.codes[0, :, : int(encoded.lengths[0])].cpu().numpy())


@dataclass
class VocoderCopy(Codec):
    """Copy synthesis: log-mel of the recording through the model's vocoder, no tokens at all.

    The ceiling of every codec that speaks through this vocoder.
    """

    model: str = "mini-21hz"

    @cached_property
    def _codec(self) -> Any:
        from secousti.hub.resolve import load_codec

        codec = load_codec(self.model, device=self.device).eval()
        if codec.mel_vocoder is None:
            raise SecoustiError(f"the model {self.model} has no vocoder to copy through")
        return codec

    def check(self) -> None:
        from secousti.hub.resolve import resolve

        resolve(self.model)

    def info(self) -> CodecInfo:
        codec = self._codec
        return CodecInfo(
            name=self.name,
            label=f"vocoder of {self.model}",
            sample_rate=codec.sample_rate,
            parameters=sum(parameter.numel() for parameter in codec.vocoder.parameters()),
            version=f"weights {codec.weight_hash[:12]}, secousti {__version__}",
        )

    def code(self, audio: Audio) -> Coded:
        import torch

        from secousti.streaming.chunks import in_chunks

        codec = self._codec
        samples = audio.at(codec.sample_rate)
        with torch.inference_mode():
            mel = codec.mel(torch.from_numpy(samples)[None].to(codec.device)).to(codec.dtype)
            wav = in_chunks(codec.vocoder, mel, codec.vocoder.lookahead, codec.vocoder.silence)
        decoded = fit(wav[0, 0].float().cpu().numpy(), len(samples))
        return Coded(Audio(decoded, codec.sample_rate), Bits(0))


@dataclass
class Reference(Codec):
    """The recording itself: the upper bound, and the recogniser's error on clean speech."""

    def info(self) -> CodecInfo:
        return CodecInfo(name=self.name, label="reference", sample_rate=0)

    def code(self, audio: Audio) -> Coded:
        return Coded(audio, Bits(16 * len(audio.samples)))

    def convert(self, source: Audio, voice: Audio) -> Coded:
        """The source as it is: what conversion starts from."""
        return self.code(source)


@dataclass
class GriffinLim(Codec):
    """Griffin-Lim copy synthesis from the 80-band log-mel of our models: a floor for vocoders.

    Attributes:
        iterations: of the fast Griffin-Lim algorithm (Perraudin et al. 2013), phase seeded.
    """

    iterations: int = 32

    def info(self) -> CodecInfo:
        return CodecInfo(
            name=self.name,
            label="Griffin-Lim",
            sample_rate=22050,
            version=f"{self.iterations} iterations",
        )

    def code(self, audio: Audio) -> Coded:
        import librosa

        samples = audio.at(22050)
        settings: dict[str, Any] = {"n_fft": 1024, "hop_length": 256}
        mel = librosa.feature.melspectrogram(
            y=samples, sr=22050, n_mels=80, fmax=8000, power=1.0, **settings
        )
        logs = np.log(np.maximum(mel, 1e-5))
        magnitude = librosa.feature.inverse.mel_to_stft(
            np.exp(logs), sr=22050, n_fft=1024, power=1.0, fmax=8000
        )
        wave = librosa.griffinlim(magnitude, n_iter=self.iterations, random_state=0, **settings)
        return Coded(Audio(fit(wave.astype(np.float32), len(samples)), 22050), Bits(0))
