"""Likeness of voice and emotion: cosines of utterance embeddings."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.errors import require
from secousti.evaluation.audio import Audio
from secousti.evaluation.external import file_fingerprint, local_path
from secousti.evaluation.metrics.base import Metric, Requirement, Sample, Score, Undefined


@dataclass
class EmbeddingSimilarity(Metric):
    """Cosine between the embedding of the decoded audio and that of the wanted voice."""

    direction = "higher"

    def compute(self, sample: Sample) -> Score:
        one, other = (np.array(self._embedding(a)) for a in (sample.voice(), sample.degraded))
        return Score(float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-12)))

    def _embedding(self, audio: Audio) -> list[float]:
        parts = [*self.identity[1:], audio.key]
        stored = self.cache.remember(f"{self.name}_embeddings", parts, lambda: self._listed(audio))
        if isinstance(stored, str):
            raise Undefined(stored)
        return stored

    def _listed(self, audio: Audio) -> list[float] | str:
        try:
            return [round(float(value), 6) for value in self.embed(audio)]
        except Undefined as reason:
            return str(reason)

    @abstractmethod
    def embed(self, audio: Audio) -> NDArray[np.float32]:
        """One vector for the utterance."""


@dataclass
class SpeakerSimilarity(EmbeddingSimilarity):
    """Resemblyzer's cosine: GE2E embeddings of 16 kHz speech (-1 to 1; same speaker about 0.8).

    Resemblyzer raises quiet audio to -30 dBFS and cuts long silences before it embeds.
    """

    name = "speaker_similarity"
    label = "Spk Sim"
    requires = (Requirement("resemblyzer", distribution="Resemblyzer"),)
    source = "Wan et al. 2018 (GE2E); package Resemblyzer"

    @cached_property
    def _encoder(self) -> Any:
        return require("resemblyzer", "eval").VoiceEncoder(self.device, verbose=False)

    def embed(self, audio: Audio) -> NDArray[np.float32]:
        resemblyzer = require("resemblyzer", "eval")
        samples = audio.at(16000)
        if not samples.any():
            raise Undefined("speaker similarity is undefined: the audio is silent")
        voiced = resemblyzer.preprocess_wav(samples)
        if len(voiced) < 1600:
            raise Undefined("speaker similarity is undefined: less than 0.1 s of voice was found")
        return self._encoder.embed_utterance(voiced)


@dataclass
class EmotionSimilarity(EmbeddingSimilarity):
    """Cosine of emotion2vec utterance embeddings of 16 kHz speech.

    Attributes:
        model: folder with the emotion2vec weights (FunASR layout).
    """

    model: str = ""

    name = "emotion_similarity"
    label = "Emo Sim"
    requires = (Requirement("funasr"),)
    source = "Ma et al. 2024 (emotion2vec); package funasr"

    def check(self) -> None:
        self._folder()
        super().check()

    def versions(self) -> list[str]:
        return [*super().versions(), f"weights {file_fingerprint(self._folder())}"]

    def _folder(self) -> Any:
        hint = "a local emotion2vec folder: --metric emotion_similarity:model=FOLDER"
        return local_path(self.model, "emotion similarity", hint)

    @cached_property
    def _encoder(self) -> Any:
        funasr = require("funasr", "eval")
        return funasr.AutoModel(
            model=str(self._folder()), device=self.device, disable_update=True, disable_pbar=True
        )

    def embed(self, audio: Audio) -> NDArray[np.float32]:
        found = self._encoder.generate(
            audio.at(16000), granularity="utterance", extract_embedding=True
        )
        return np.asarray(found[0]["feats"], dtype=np.float32).reshape(-1)
