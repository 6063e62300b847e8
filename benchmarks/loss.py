"""Quality against the share of lost tokens, for every way to conceal them.

Validation recordings go through the codec; tokens are lost at random or in bursts, the same ones
for every strategy. Scores are against the recording, and the log-mel error also against what is
decoded without losses; intervals are over speakers.

    python -m benchmarks.loss corpora/mini/valid.jsonl [--recordings 24] \\
        [--figure docs/images/loss.png] [--markdown docs/tables/loss.md]

Needs ``pesq``, ``pystoi`` and ``matplotlib`` (extra: train).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.measure import markdown, publish
from secousti import Encoded, SecoustiCodec
from secousti.evaluation.metrics.base import Score
from secousti.evaluation.statistics import Estimate, estimate
from secousti.sessions.channel import Channel
from secousti.sessions.concealment import STRATEGIES, Concealer, Strategy
from train.engine.sound import perceptual

RATES = (0.0, 0.05, 0.1, 0.2)
BURSTS = {"random": None, "bursts of 3": 3.0}
METRICS = ("PESQ-WB", "STOI", "log-mel error")


@dataclass(frozen=True)
class Condition:
    """One point of a curve."""

    pattern: str
    strategy: Strategy
    rate: float


@dataclass(frozen=True)
class Recording:
    """A recording [N], its tokens, and the log-mel decoded without losses."""

    speaker: str
    wav: Tensor
    encoded: Encoded
    mel: Tensor


def recordings(codec: SecoustiCodec, manifest: Path, count: int) -> list[Recording]:
    """The first utterance of 3 to 5 s of each speaker, then their second ones, and so on."""
    from secousti.audio.batch import as_batch

    by_speaker: dict[str, list[dict]] = defaultdict(list)
    for line in manifest.read_text("utf-8").splitlines():
        row = json.loads(line)
        if 3 <= row["duration"] <= 5:
            by_speaker[row["speaker"]].append(row)
    most = max(map(len, by_speaker.values()))
    turns = [rows[i] for i in range(most) for rows in by_speaker.values() if i < len(rows)]
    found = []
    for row in turns[:count]:
        wav = as_batch(manifest.parent / row["audio"], codec.sample_rate).wav
        encoded = codec.encode(wav, codec.sample_rate)
        found.append(Recording(row["speaker"], wav[0], encoded, codec.decode_mel(encoded)))
    return found


def score(
    codec: SecoustiCodec, recording: Recording, condition: Condition, seed: int
) -> dict[str, float]:
    """One recording under one condition."""
    channel = Channel(condition.rate, BURSTS[condition.pattern], seed).open()
    received = channel.send(recording.encoded.codes[0, 0])
    concealer = Concealer(codec.codebook_size, codec.levels, condition.strategy)
    filled = concealer.fill(received)
    lossy = replace(recording.encoded, codes=filled[None, None])
    pesq, stoi = perceptual(
        recording.wav.numpy(), codec.decode(lossy)[0, 0].numpy(), codec.sample_rate
    )
    assert pesq is not None, f"nobody speaks in a recording of {recording.speaker}"
    error = F.l1_loss(codec.decode_mel(lossy), recording.mel).item()
    return dict(zip(METRICS, (pesq, stoi, error), strict=True))


Table = dict[Condition, dict[str, Estimate]]


def measure(codec: SecoustiCodec, found: list[Recording]) -> Table:
    """Every condition; without losses all strategies are one."""
    table: Table = {}
    for pattern in BURSTS:
        for rate in RATES:
            for strategy in STRATEGIES:
                condition = Condition(pattern, strategy, rate)
                if rate == 0 and table:
                    table[condition] = next(iter(table.values()))
                    continue
                scores = [score(codec, r, condition, seed) for seed, r in enumerate(found)]
                table[condition] = {
                    metric: estimate(
                        [Score(s[metric], 1.0) for s in scores], [r.speaker for r in found]
                    )
                    for metric in METRICS
                }
                means = {metric: round(e.mean, 4) for metric, e in table[condition].items()}
                print(condition, means, file=sys.stderr, flush=True)
    return table


def as_markdown(table: Table) -> str:
    """Means with 95 % intervals."""
    rows = [
        [c.pattern, f"{c.rate:.0%}", c.strategy]
        + [f"{e.mean:.3f} ({e.low:.3f} to {e.high:.3f})" for e in estimates.values()]
        for c, estimates in sorted(table.items(), key=lambda item: (item[0].pattern, item[0].rate))
        if c.rate or c.strategy == STRATEGIES[0]
    ]
    return markdown(["losses", "share", "concealment", *METRICS], rows)


def draw(table: Table, path: Path) -> None:
    """Metrics in columns, patterns of loss in rows."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    colours = dict(zip(STRATEGIES, ("#0072b2", "#e69f00", "#009e73", "#cc79a7"), strict=True))
    figure, axes = plt.subplots(
        len(BURSTS), len(METRICS), figsize=(11, 6), sharex=True, sharey="col"
    )
    for row, pattern in zip(axes, BURSTS, strict=True):
        for axis, metric in zip(row, METRICS, strict=True):
            for strategy, colour in colours.items():
                points = [table[Condition(pattern, strategy, rate)][metric] for rate in RATES]
                x = [100 * rate for rate in RATES]
                axis.fill_between(
                    x, [p.low for p in points], [p.high for p in points], color=colour, alpha=0.1
                )
                axis.plot(x, [p.mean for p in points], "o-", ms=4, color=colour, label=strategy)
            axis.grid(alpha=0.3)
            axis.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel(f"{pattern}")
    for axis, metric in zip(axes[0], METRICS, strict=True):
        axis.set_title(metric)
    for axis in axes[-1]:
        axis.set_xlabel("tokens lost, %")
    axes[0, 0].legend(frameon=False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", default="mini-21hz")
    parser.add_argument("--recordings", type=int, default=24)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--markdown", type=Path, help="also write the table there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    codec = SecoustiCodec.from_pretrained(args.model)
    table = measure(codec, recordings(codec, args.manifest, args.recordings))
    text = as_markdown(table)
    if args.figure:
        draw(table, args.figure)
    publish(text, args.markdown)


if __name__ == "__main__":
    main()
