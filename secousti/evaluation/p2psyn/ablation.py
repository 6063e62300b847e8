"""What the decoded sound is worth when something else stands in for the predicted tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from secousti.audio.mel import LogMel
from secousti.config import MelConfig
from secousti.evaluation.audio import Audio
from secousti.evaluation.metrics import Metric, Sample, Undefined, make_metric
from secousti.evaluation.metrics.base import Score
from secousti.evaluation.p2psyn.classes import CLASSES, classify
from secousti.p2psyn.codec import P2PSynCodec

MODES = ("oracle", "all", "argmax", "expected", "sample", "plain", "zeros", "unigram", "random")
Scores = dict[tuple[str, str], Score]  # (mode, metric)


class Ablation:
    """Scores of every decode mode of a codec on one recording after another.

    Args:
        metrics: names of ``secousti.evaluation.metrics``. ``logmel`` (mean absolute difference
            of log-mels, in nats) is always there, also by class of sound as ``logmel/voiced``.
        substitution: also decode with only one stage the teacher's and the others predicted.
    """

    def __init__(
        self,
        codec: P2PSynCodec,
        metrics: Sequence[str] = ("pesq", "stoi"),
        modes: Sequence[str] = MODES,
        substitution: bool = True,
    ) -> None:
        self.codec = codec
        self.metrics: list[Metric] = [make_metric(name) for name in metrics]
        for metric in self.metrics:
            metric.check()
        self.modes: dict[str, str | list[str]] = {mode: mode for mode in modes}
        stages = codec.config.quantizer.pseudo_stages
        if substitution and stages > 1:
            for n in range(stages):
                single = ["all"] * stages
                single[n] = "oracle"
                self.modes[f"oracle {n + 1}"] = single
        config = MelConfig(
            codec.sample_rate, 1024, codec.frame_size, 80, 0.0, codec.sample_rate / 2
        )
        self.mel = LogMel(config)

    def __call__(self, audio: Tensor) -> Scores:
        """Audio [N] at the codec's rate -> the score of every mode and metric that is defined."""
        encoded = self.codec.encode(audio, self.codec.sample_rate, stages="all")
        tokens = encoded.codes.shape[-1]
        kinds = classify(audio.cpu(), self.codec.sample_rate, self.codec.frame_size, tokens)
        scores: Scores = {}
        for name, mode in self.modes.items():
            decoded = self.codec.decode(encoded, mode=mode)[0, 0].cpu()
            scores.update(self._sound(name, audio.cpu(), decoded))
            scores.update(self._spectrum(name, audio.cpu(), decoded, kinds))
        return scores

    def _sound(self, mode: str, audio: Tensor, decoded: Tensor) -> Scores:
        rate = self.codec.sample_rate
        sample = Sample(Audio(decoded.numpy(), rate), Audio(audio.numpy(), rate))
        scores: Scores = {}
        for metric in self.metrics:
            try:
                scores[mode, metric.name] = metric.score(sample)
            except Undefined:
                continue
        return scores

    def _spectrum(
        self, mode: str, audio: Tensor, decoded: Tensor, kinds: dict[str, np.ndarray]
    ) -> Scores:
        with torch.no_grad():
            pair = self.mel(torch.stack([audio, decoded]))
        error = (pair[0] - pair[1]).abs().mean(0).numpy()  # [T], one frame a token
        scores: Scores = {}
        for kind in CLASSES:
            mask = kinds[kind][: len(error)]
            if mask.any():
                name = "logmel" if kind == "all" else f"logmel/{kind}"
                scores[mode, name] = Score(
                    float(error[: len(mask)][mask].mean()), float(mask.sum())
                )
        return scores
