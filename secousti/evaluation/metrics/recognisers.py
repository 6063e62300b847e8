"""Speech recognisers behind one interface: audio and a language in, text out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from secousti.errors import SecoustiError, require
from secousti.evaluation.audio import Samples
from secousti.evaluation.external import file_fingerprint, local_path
from secousti.evaluation.metrics.base import Requirement


@dataclass
class Recogniser(ABC):
    """Base: ``model`` is a local file or folder; nothing is ever downloaded."""

    model: str = ""
    device: str = "cpu"

    name: ClassVar[str]
    requires: ClassVar[tuple[Requirement, ...]]
    languages: ClassVar[tuple[str, ...] | None] = None
    revision: ClassVar[int] = 1  # raise it whenever a change here changes a transcript

    def check(self) -> None:
        """Raise a ``SecoustiError`` that says what is missing, or return."""
        self.path()
        for requirement in self.requires:
            require(requirement.module, requirement.extra)

    def path(self) -> Path:
        """The local model."""
        hint = f"a local model: --metric wer:recogniser={self.name},model=PATH"
        return local_path(self.model, f"the recogniser {self.name}", hint)

    def versions(self) -> list[str]:
        """Package and weights."""
        weights = f"{self.name} weights {file_fingerprint(self.path())}"
        return [*(requirement.version() for requirement in self.requires), weights]

    @abstractmethod
    def transcribe(self, samples: Samples, language: str) -> str:
        """Text of 16 kHz audio ``[T]``."""


@dataclass
class PocketSphinx(Recogniser):
    """The offline default for English: a small model inside the package."""

    name = "pocketsphinx"
    requires = (Requirement("pocketsphinx"),)
    languages = ("en",)

    def path(self) -> Path:
        return Path()

    def versions(self) -> list[str]:
        return [requirement.version() for requirement in self.requires]

    @cached_property
    def _decoder(self) -> Any:
        return require("pocketsphinx", "eval").Decoder(samprate=16000, loglevel="FATAL")

    def transcribe(self, samples: Samples, language: str) -> str:
        pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
        # without this the cepstral mean of the last utterance changes the text of the next
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return found.hypstr if found else ""


@dataclass
class Moonshine(Recogniser):
    """Moonshine tiny (Jeffries et al. 2024, arXiv 2410.15608), whose weights are in the package.

    English. Far fewer errors than PocketSphinx on speech that is not read slowly.
    """

    name = "moonshine"
    requires = (Requirement("moonshine_voice", distribution="moonshine-voice"),)
    languages = ("en",)

    def check(self) -> None:
        super().check()
        if not (self.path() / "encoder_model.ort").is_file():
            raise SecoustiError(
                f"{self.path()} has no weights of Moonshine: releases from 0.1 on come without; "
                "run: pip install 'moonshine-voice<0.1'"
            )

    def path(self) -> Path:
        return Path(require("moonshine_voice", "eval").get_model_path("tiny-en"))

    def versions(self) -> list[str]:
        return [requirement.version() for requirement in self.requires]

    @cached_property
    def _transcriber(self) -> Any:
        module = require("moonshine_voice", "eval")
        # At threshold 0 all of a recording is transcribed at once; the detector of speech carries a
        # state that would let one recording change the text of the next.
        options = {"vad_threshold": "0.0"}
        return module.Transcriber(str(self.path()), module.ModelArch.TINY, options=options)

    def transcribe(self, samples: Samples, language: str) -> str:
        found = self._transcriber.transcribe_without_streaming(samples.tolist(), 16000)
        return " ".join(line.text for line in found.lines)


@dataclass
class Whisper(Recogniser):
    """openai-whisper with a local .pt file."""

    name = "whisper"
    requires = (Requirement("whisper", distribution="openai-whisper"),)

    @cached_property
    def _whisper(self) -> Any:
        return require("whisper", "eval").load_model(str(self.path()), device=self.device)

    def transcribe(self, samples: Samples, language: str) -> str:
        found = self._whisper.transcribe(
            samples, language=language, temperature=0.0, condition_on_previous_text=False
        )
        return found["text"]


@dataclass
class FasterWhisper(Recogniser):
    """faster-whisper with a local CTranslate2 folder."""

    name = "faster-whisper"
    requires = (Requirement("faster_whisper", distribution="faster-whisper"),)

    @cached_property
    def _whisper(self) -> Any:
        module = require("faster_whisper", "eval")
        return module.WhisperModel(str(self.path()), device=self.device, local_files_only=True)

    def transcribe(self, samples: Samples, language: str) -> str:
        segments, _ = self._whisper.transcribe(
            samples, language=language, temperature=0.0, condition_on_previous_text=False
        )
        return "".join(segment.text for segment in segments)


@dataclass
class FunAsr(Recogniser):
    """FunASR (Paraformer, SenseVoice) with a local folder: the paper's recogniser."""

    name = "funasr"
    requires = (Requirement("funasr"),)

    @cached_property
    def _pipeline(self) -> Any:
        funasr = require("funasr", "eval")
        return funasr.AutoModel(
            model=str(self.path()), device=self.device, disable_update=True, disable_pbar=True
        )

    def transcribe(self, samples: Samples, language: str) -> str:
        return self._pipeline.generate(input=samples, fs=16000)[0]["text"]


RECOGNISERS: dict[str, type[Recogniser]] = {
    kind.name: kind for kind in (PocketSphinx, Moonshine, Whisper, FasterWhisper, FunAsr)
}


def make_recogniser(name: str, model: str, device: str) -> Recogniser:
    """The recogniser of this name.

    Raises:
        SecoustiError: the name is unknown.
    """
    if name not in RECOGNISERS:
        raise SecoustiError(f"unknown recogniser '{name}'; known: {', '.join(RECOGNISERS)}")
    return RECOGNISERS[name](model=model, device=device)
