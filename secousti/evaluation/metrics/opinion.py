"""Predicted opinion without a reference: DNSMOS, NISQA, UTMOS, SIGMOS."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from secousti.errors import SecoustiError, require
from secousti.evaluation.external import checkout, file_fingerprint, import_from, local_path
from secousti.evaluation.metrics.base import Metric, Requirement, Sample, Score, Undefined


@dataclass
class OpinionMetric(Metric):
    """Shared part: a higher mean opinion score (1 to 5), no reference."""

    direction = "higher"
    unit = "MOS"


@dataclass
class Dnsmos(OpinionMetric):
    """DNSMOS P.835 overall quality at 16 kHz; the level is left as decoded, clipped at 1."""

    name = "dnsmos"
    label = "DNSMOS"
    requires = (Requirement("speechmos"), Requirement("onnxruntime"))
    source = "Reddy et al. 2022 (P.835), 2021 (P.808); package speechmos"

    field: ClassVar[str] = "ovrl_mos"

    def compute(self, sample: Sample) -> Score:
        samples = sample.degraded.at(16000)
        if not samples.any():
            raise Undefined("DNSMOS is undefined: the audio is silent")
        parts = [*self.identity[1:], sample.degraded.key]
        fields = self.cache.remember("dnsmos_fields", parts, lambda: self._run(samples))
        return Score(fields[self.field])

    def _run(self, samples: Any) -> dict[str, float]:
        dnsmos = require("speechmos.dnsmos", "eval")
        found = dnsmos.run(np.clip(samples, -1, 1), 16000)
        return {key: float(value) for key, value in found.items() if key.endswith("mos")}


@dataclass
class DnsmosSignal(Dnsmos):
    """DNSMOS P.835 quality of the speech signal."""

    name = "dnsmos_sig"
    label = "DNSMOS SIG"
    field = "sig_mos"


@dataclass
class DnsmosBackground(Dnsmos):
    """DNSMOS P.835 quality of the background."""

    name = "dnsmos_bak"
    label = "DNSMOS BAK"
    field = "bak_mos"


@dataclass
class DnsmosP808(Dnsmos):
    """DNSMOS P.808 overall quality."""

    name = "dnsmos_p808"
    label = "DNSMOS P.808"
    field = "p808_mos"


@dataclass
class Nisqa(OpinionMetric):
    """NISQA v2.0 overall quality at 48 kHz, with weights the user has downloaded."""

    name = "nisqa"
    label = "NISQA"
    requires = (Requirement("torchmetrics"), Requirement("librosa"), Requirement("requests"))
    source = "Mittag et al. 2021; torchmetrics' implementation"

    def check(self) -> None:
        super().check()
        hint = (
            "its weights at ~/.torchmetrics/NISQA/nisqa.tar (weights/nisqa.tar of "
            "github.com/gabrielmittag/NISQA)"
        )
        local_path("~/.torchmetrics/NISQA/nisqa.tar", "NISQA", hint)

    def compute(self, sample: Sample) -> Score:
        import torch

        module = require("torchmetrics.functional.audio.nisqa", "eval")
        samples = torch.from_numpy(sample.degraded.at(48000))
        try:
            scores = module.non_intrusive_speech_quality_assessment(samples, 48000)
        except RuntimeError as error:
            raise Undefined(f"NISQA is undefined: {error}") from error
        return Score(float(scores[0]))


@dataclass
class Utmos(OpinionMetric):
    """UTMOS (the strong learner of UTMOS22) at 16 kHz.

    Attributes:
        checkout: a checkout of github.com/tarepan/SpeechMOS.
        weights: its file utmos22_strong_step7459_v1.pt.
    """

    checkout: str = ""
    weights: str = ""

    name = "utmos"
    label = "UTMOS"
    source = "Saeki et al. 2022; the user's checkout of tarepan/SpeechMOS"

    def check(self) -> None:
        self._paths()

    def versions(self) -> list[str]:
        return [f"UTMOS weights {file_fingerprint(self._paths()[1])}"]

    def _paths(self) -> tuple[Path, Path]:
        hint = (
            "a checkout of github.com/tarepan/SpeechMOS and its weights: --metric "
            "utmos:checkout=FOLDER,weights=utmos22_strong_step7459_v1.pt"
        )
        return local_path(self.checkout, "UTMOS", hint), local_path(self.weights, "UTMOS", hint)

    @cached_property
    def _model(self) -> Any:
        import torch

        root, weights = self._paths()
        # the checkout's package has the name of the DNSMOS package on PyPI
        with checkout(root, "speechmos"):
            model = importlib.import_module("speechmos.utmos22.strong.model").UTMOS22Strong()
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        return model.eval().to(self.device)

    def compute(self, sample: Sample) -> Score:
        import torch

        wave = torch.from_numpy(sample.degraded.at(16000))[None].to(self.device)
        with torch.inference_mode():
            return Score(float(self._model(wave, 16000)[0]))


@dataclass
class Sigmos(OpinionMetric):
    """SIGMOS (P.804) overall quality at 48 kHz.

    Attributes:
        checkout: folder ICASSP2024/sigmos of github.com/microsoft/SIG-Challenge.
    """

    checkout: str = ""

    name = "sigmos"
    label = "SIGMOS"
    requires = (Requirement("onnxruntime"),)
    source = "Ristea et al. 2025; the user's checkout of microsoft/SIG-Challenge"

    def check(self) -> None:
        self._folder()
        super().check()

    def versions(self) -> list[str]:
        return [*super().versions(), f"SIGMOS folder {file_fingerprint(self._folder())}"]

    def _folder(self) -> Path:
        hint = (
            "the folder ICASSP2024/sigmos of github.com/microsoft/SIG-Challenge: --metric "
            "sigmos:checkout=FOLDER"
        )
        return local_path(self.checkout, "SIGMOS", hint)

    @cached_property
    def _model(self) -> Any:
        folder = self._folder()
        module = import_from(folder, "sigmos", "SIGMOS")
        try:
            return module.SigMOS(model_dir=str(folder))
        except Exception as error:  # foreign code may fail in any way
            raise SecoustiError(f"SIGMOS: cannot load the model in {folder} ({error})") from error

    def compute(self, sample: Sample) -> Score:
        return Score(float(self._model.run(sample.degraded.at(48000), sr=48000)["MOS_OVRL"]))
