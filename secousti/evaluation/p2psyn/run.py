"""All measurements on all recordings of a set, for one or several codecs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from rich.progress import track
from torch import Tensor

from secousti.audio.io import load_audio
from secousti.errors import SecoustiError
from secousti.evaluation.datasets import DataConfig, Utterance, load_dataset
from secousti.evaluation.metrics.base import Score
from secousti.evaluation.p2psyn.ablation import Ablation
from secousti.evaluation.p2psyn.codebooks import StageUse, codebook_use
from secousti.evaluation.p2psyn.flops import count_macs
from secousti.evaluation.p2psyn.robustness import agreement_scores, loss_scores
from secousti.evaluation.p2psyn.stages import Scores, stage_scores, summarise
from secousti.evaluation.statistics import Estimate, compare, estimate
from secousti.p2psyn.codec import P2PSynCodec


@dataclass
class Analysis:
    """Everything measured of one codec; keys of the tables are as in their modules.

    ``paired``: difference of the mean against mode ``all`` and its permutation p, by
    (mode, metric).
    """

    model: str
    facts: dict[str, Any]
    recordings: int
    speakers: int
    stages: dict[tuple[str, int, str], Estimate] = field(default_factory=dict)
    ablation: dict[tuple[str, str], Estimate] = field(default_factory=dict)
    paired: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    loss: dict[tuple[float, str], Estimate] = field(default_factory=dict)
    agreement: dict[str, Estimate] = field(default_factory=dict)
    codebooks: list[StageUse] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, table keys joined with a slash."""
        out: dict[str, Any] = {
            "model": self.model,
            "facts": self.facts,
            "recordings": self.recordings,
            "speakers": self.speakers,
            "codebooks": [asdict(row) for row in self.codebooks],
        }
        for name in ("stages", "ablation", "loss", "agreement"):
            table: dict[Any, Estimate] = getattr(self, name)
            out[name] = {_joined(key): asdict(value) for key, value in table.items()}
        out["paired"] = {_joined(key): list(value) for key, value in self.paired.items()}
        return out


def analyse(
    codec: P2PSynCodec,
    data: DataConfig,
    metrics: Sequence[str] = ("pesq", "stoi"),
    name: str | None = None,
) -> Analysis:
    """Measure ``codec`` on the recordings of ``data``.

    Raises:
        SecoustiError: no recordings, or a metric whose package is missing.
    """
    codec = codec.eval()
    utterances = load_dataset(data)
    ablation = Ablation(codec, metrics)
    stage_rows: list[tuple[str, Scores]] = []
    tables: dict[str, dict[Any, list[tuple[str, Score]]]] = {
        kind: defaultdict(list) for kind in ("ablation", "loss", "agreement")
    }
    codes = []
    for utterance in track(utterances, description="recordings"):
        audio = _audio(utterance, codec)
        codes.append(codec.encode(audio, codec.sample_rate, stages="all").codes[0].cpu().numpy())
        stage_rows.append((utterance.speaker, stage_scores(codec, audio)))
        parts: dict[str, dict[Any, Score]] = {
            "ablation": ablation(audio),
            "loss": loss_scores(codec, audio, ablation.mel),
            "agreement": agreement_scores(codec, audio),
        }
        for kind, scores in parts.items():
            for key, score in scores.items():
                tables[kind][key].append((utterance.speaker, score))
    return Analysis(
        model=name or codec.model_id,
        facts=facts(codec),
        recordings=len(utterances),
        speakers=len({utterance.speaker for utterance in utterances}),
        stages=summarise(stage_rows),
        ablation=_estimates(tables["ablation"]),
        paired=_paired(tables["ablation"]),
        loss=_estimates(tables["loss"]),
        agreement=_estimates(tables["agreement"]),
        codebooks=codebook_use(codes, codec.codebook_size),
    )


def facts(codec: P2PSynCodec) -> dict[str, Any]:
    """Sizes, bits and operations of a codec, plain, pseudo and codebook parts apart."""
    true, paper = count_macs(codec, "true"), count_macs(codec, "paper")
    latency = codec.latency()
    parameters = {
        "plain": _count(codec.teacher.encoder) + _count(codec.teacher.decoder),
        "codebooks": _count(codec.teacher.quantizer),
        "pseudo": _count(codec.pseudo),
    }
    return {
        "sample_rate": codec.sample_rate,
        "bitrate": codec.bitrate,
        "pseudo_stages": codec.config.quantizer.pseudo_stages,
        "causal": codec.streams(),
        "latency_ms": None if latency is None else 1000 * latency / codec.sample_rate,
        "parameters": parameters,
        "gmacs_per_second": {"true": true.total / 1e9, "paper": paper.total / 1e9},
        "token_hash": codec.weight_hash,
    }


def _audio(utterance: Utterance, codec: P2PSynCodec) -> Tensor:
    audio, rate = load_audio(utterance.path)
    if len(audio) < rate // 10:
        raise SecoustiError(f"{utterance.path} is shorter than a tenth of a second")
    if rate == codec.sample_rate:
        return audio
    return torch.from_numpy(
        np.ascontiguousarray(soxr.resample(audio.numpy(), rate, codec.sample_rate))
    )


def _estimates(table: dict[Any, list[tuple[str, Score]]]) -> dict[Any, Estimate]:
    return {
        key: estimate([score for _, score in rows], [speaker for speaker, _ in rows])
        for key, rows in table.items()
    }


def _paired(
    table: dict[Any, list[tuple[str, Score]]],
) -> dict[tuple[str, str], tuple[float, float]]:
    """Every mode less ``all``, where both have a value for every recording."""
    out = {}
    for (mode, metric), rows in table.items():
        base = table.get(("all", metric), [])
        if mode != "all" and len(base) == len(rows):
            pairs = [(a, b) for (_, a), (_, b) in zip(rows, base, strict=True)]
            out[mode, metric] = compare(pairs)
    return out


def _count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _joined(key: Any) -> str:
    return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)


def write(analyses: Sequence[Analysis], folder: Path) -> Path:
    """``analysis.json``, ``analysis.md`` and pictures; returns the Markdown file."""
    import json

    from secousti.atomic import replacing
    from secousti.evaluation.p2psyn.pictures import draw
    from secousti.evaluation.p2psyn.report import markdown

    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps([analysis.as_dict() for analysis in analyses], indent=1)
    with replacing(folder / "analysis.json") as path:
        path.write_text(text, "utf-8")
    for i, analysis in enumerate(analyses):
        draw(analysis, folder / f"stages_{i}.png")
    page = markdown(analyses)
    with replacing(folder / "analysis.md") as path:
        path.write_text(page, "utf-8")
    return folder / "analysis.md"
