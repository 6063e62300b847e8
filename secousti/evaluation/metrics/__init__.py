"""Every metric by name; a metric's packages are imported when it first scores."""

from __future__ import annotations

from typing import Any

from secousti.errors import SecoustiError
from secousti.evaluation.cache import Cache
from secousti.evaluation.metrics.base import Metric, Requirement, Sample, Score, Undefined
from secousti.evaluation.registry import check_options, load_class

__all__ = [
    "METRICS",
    "Metric",
    "Requirement",
    "Sample",
    "Score",
    "Undefined",
    "make_metric",
    "metric_class",
]

METRICS: dict[str, str] = {
    "pesq": "perceptual:Pesq",
    "pesq_nb": "perceptual:PesqNarrow",
    "visqol": "perceptual:Visqol",
    "stoi": "intelligibility:Stoi",
    "estoi": "intelligibility:Estoi",
    "speaker_similarity": "similarity:SpeakerSimilarity",
    "emotion_similarity": "similarity:EmotionSimilarity",
    "lsd": "distortion:LogSpectralDistance",
    "mel_l1": "distortion:LogMelDistance",
    "mcd": "distortion:MelCepstralDistortion",
    "msep": "pitch:PitchError",
    "f0_cents": "pitch:PitchCents",
    "vuv": "pitch:VoicingMismatch",
    "si_sdr": "distortion:SiSdr",
    "dnsmos": "opinion:Dnsmos",
    "dnsmos_sig": "opinion:DnsmosSignal",
    "dnsmos_bak": "opinion:DnsmosBackground",
    "dnsmos_p808": "opinion:DnsmosP808",
    "nisqa": "opinion:Nisqa",
    "utmos": "opinion:Utmos",
    "sigmos": "opinion:Sigmos",
    "wer": "recognition:WordErrorRate",
    "wer_increase": "recognition:WordErrorIncrease",
    "dwer": "recognition:TranscriptErrorRate",
    "cer": "recognition:CharacterErrorRate",
    "cer_increase": "recognition:CharacterErrorIncrease",
}


def metric_class(name: str) -> type[Metric]:
    """The class of the metric called ``name``.

    Raises:
        SecoustiError: no metric has this name.
    """
    if name not in METRICS:
        raise SecoustiError(f"unknown metric '{name}'; known: {', '.join(METRICS)}")
    return load_class(__name__, METRICS[name])


def make_metric(
    name: str, cache: Cache | None = None, device: str = "cpu", **options: Any
) -> Metric:
    """Build a metric; ``options`` are its settings, such as ``model="/weights"`` for ``wer``.

    Raises:
        SecoustiError: the name or an option is unknown.
    """
    kind = metric_class(name)
    check_options(f"the metric '{name}'", kind, options, {"cache", "device"})
    return kind(**options, cache=cache or Cache(), device=device)
