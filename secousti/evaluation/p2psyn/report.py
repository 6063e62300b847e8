"""The measurements as Markdown tables; every mean with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from secousti.evaluation.p2psyn.classes import CLASSES
from secousti.evaluation.statistics import Estimate

if TYPE_CHECKING:
    from secousti.evaluation.p2psyn.run import Analysis

_ERRORS = ("quantization", "predicted", "expected", "dropped", "prediction", "energy")


def markdown(analyses: Sequence[Analysis]) -> str:
    """A page: the codecs side by side (as Table 2), then each by itself."""
    parts = ["# Pseudo VQs under the glass", "", _sides(analyses)]
    for i, analysis in enumerate(analyses):
        parts += [
            f"## {analysis.model}",
            f"{analysis.recordings} recordings, {analysis.speakers} speakers; intervals are "
            "95 % bootstrap over speakers.",
            "### What stands in for the predicted tokens",
            _ablation(analysis),
            "### Sounds: log-mel error (nats) by class",
            _classes(analysis),
            "### Prediction error against quantization error, teacher-forced",
            f"![stages](stages_{i}.png)",
            _stages(analysis),
            "### Teacher-forced against free-running",
            _exposure(analysis),
            "### By class of sound",
            _stage_classes(analysis),
            "### Codebooks",
            _codebooks(analysis),
            "### Lost tokens, concealed by the one before",
            _loss(analysis),
            "### Plain tokens that stay the same",
            _agreement(analysis),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sides(analyses: Sequence[Analysis]) -> str:
    rows = []
    for a in analyses:
        macs = a.facts["gmacs_per_second"]
        rows.append(
            [
                a.model, str(a.facts["pseudo_stages"]), f"{a.facts['bitrate']:.0f}",
                f"{sum(a.facts['parameters'].values()) / 1e6:.2f}",
                f"{macs['true']:.2f} / {macs['paper']:.2f}",
                "-" if a.facts["latency_ms"] is None else f"{a.facts['latency_ms']:.1f}",
                *(_cell(a.ablation.get((mode, metric))) for metric in _metrics(a)
                  for mode in ("all", "plain")),
            ]
        )  # fmt: skip
    metrics = _metrics(analyses[0])
    heads = [f"{metric} {mode}" for metric in metrics for mode in ("all VQs", "plain")]
    names = ["codec", "N", "bit/s", "M parameters", "GMAC/s true / paper's", "latency ms"]
    return _table([*names, *heads], rows)


def _metrics(analysis: Analysis) -> list[str]:
    return list(dict.fromkeys(m for _, m in analysis.ablation if not m.startswith("logmel/")))


def _modes(analysis: Analysis) -> list[str]:
    return list(dict.fromkeys(mode for mode, _ in analysis.ablation))


def _ablation(analysis: Analysis) -> str:
    metrics = _metrics(analysis)
    rows = []
    for mode in _modes(analysis):
        cells = [_cell(analysis.ablation.get((mode, metric))) for metric in metrics]
        tests = [analysis.paired.get((mode, metric)) for metric in metrics]
        cells += ["" if t is None else f"{t[0]:+.3f} ({t[1]:.2g})" for t in tests]
        rows.append([mode, *cells])
    return _table(["mode", *metrics, *(f"{m}: less `all` (p)" for m in metrics)], rows)


def _classes(analysis: Analysis) -> str:
    kinds = CLASSES[1:]
    rows = [
        [mode, *(_cell(analysis.ablation.get((mode, f"logmel/{kind}"))) for kind in kinds)]
        for mode in _modes(analysis)
    ]
    return _table(["mode", *kinds], rows)


def _stage_numbers(analysis: Analysis) -> list[int]:
    return sorted({stage for _, stage, _ in analysis.stages})


def _stages(analysis: Analysis) -> str:
    rows = [
        [str(n), *(_cell(analysis.stages.get(("all", n, name))) for name in _ERRORS)]
        for n in _stage_numbers(analysis)
    ]
    return _table(["stage", *_ERRORS], rows)


def _exposure(analysis: Analysis) -> str:
    names = ("accuracy", "top5", "accuracy_free", "prediction", "prediction_free", "bits")
    rows = [
        [str(n), *(_cell(analysis.stages.get(("all", n, name))) for name in names)]
        for n in _stage_numbers(analysis)
    ]
    return _table(["stage", *(name.replace("_", " ") for name in names)], rows)


def _stage_classes(analysis: Analysis) -> str:
    names = ("quantization", "predicted", "dropped", "accuracy", "top5")
    rows = [
        [kind, str(n), *(_cell(analysis.stages.get((kind, n, name))) for name in names)]
        for kind in CLASSES
        for n in _stage_numbers(analysis)
    ]
    return _table(["class", "stage", *names], rows)


def _codebooks(analysis: Analysis) -> str:
    rows = [
        [
            str(use.stage), f"{use.utilisation:.1%}", f"{use.perplexity:.0f}", f"{use.entropy:.2f}",
            _bits(use.given_plain), _bits(use.given_before),
            _cell(analysis.stages.get(("all", use.stage, "bits"))), str(use.pairs), str(use.tokens),
        ]
        for use in analysis.codebooks
    ]  # fmt: skip
    heads = [
        "stage", "used", "perplexity", "entropy, bits", "given plain", "given stage before",
        "cross-entropy of the pseudo VQ", "pairs seen", "tokens",
    ]  # fmt: skip
    return _table(heads, rows)


def _loss(analysis: Analysis) -> str:
    rates = sorted({rate for rate, _ in analysis.loss})
    names = ("all", "plain", "spread")
    rows = [
        [f"{rate:.0%}", *(_cell(analysis.loss.get((rate, name))) for name in names)]
        for rate in rates
    ]
    heads = ["lost", "log-mel error, all VQs", "plain only", "predictions changed per loss"]
    return _table(heads, rows)


def _agreement(analysis: Analysis) -> str:
    rows = [[name, _cell(value)] for name, value in analysis.agreement.items()]
    return _table(["change of the input", "share of tokens"], rows)


def _cell(value: Estimate | None) -> str:
    if value is None:
        return ""
    digits = 3 if abs(value.mean) < 100 else 1
    return f"{value.mean:.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def _bits(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(heads), " | ".join("---" for _ in heads), *(" | ".join(r) for r in rows)]
    return "\n".join(f"| {line} |" for line in lines)
