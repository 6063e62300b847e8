"""From records to rows: means with intervals, bitrates, speed, tests between codecs."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from secousti.evaluation.codecs import Codec, CodecInfo
from secousti.evaluation.metrics import Metric, Score
from secousti.evaluation.statistics import Comparison, Estimate, compare, estimate, holm
from secousti.evaluation.tokens import TokenStatistics, codebook_statistics
from secousti.evaluation.worker import Record

FEWEST_PAIRS = 5


@dataclass(frozen=True)
class Column:
    """A metric's heading in a table."""

    name: str
    label: str
    unit: str
    direction: str
    source: str = ""
    versions: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """Label with an arrow for the better direction, and the unit."""
        arrow = "↑" if self.direction == "higher" else "↓"
        return f"{self.label} {arrow}" + (f" ({self.unit})" if self.unit else "")


@dataclass(frozen=True)
class Row:
    """One codec over the whole data set.

    Attributes:
        bitrate: token bits a second of audio.
        side_bitrate: side information, bits a second.
        container_bitrate: what the file adds, bits a second.
        side_bits: side information of one utterance, on average.
        tokens_per_second: tokens of all codebooks.
        rtf_encode: seconds of computing a second of audio, total time over total audio.
        estimates: metric -> mean and interval.
        tokens: statistics of every codebook.
        failures: utterances the codec could not code, and why.
    """

    info: CodecInfo
    bitrate: float
    side_bitrate: float
    container_bitrate: float
    side_bits: float
    tokens_per_second: float | None
    rtf_encode: float | None
    rtf_decode: float | None
    estimates: dict[str, Estimate]
    tokens: list[TokenStatistics]
    failures: dict[str, str]

    @property
    def label(self) -> str:
        """The row's heading."""
        return self.info.label


@dataclass(frozen=True)
class Summary:
    """Everything a report shows.

    Attributes:
        columns: metrics that ran.
        skipped: codecs and metrics that could not run, and what they need.
        tests: (metric, codec, codec) -> paired test.
        versions: packages behind the numbers.
        quoted: a paper's own rows, as read from its file.
    """

    title: str
    about: str
    utterances: int
    speakers: int
    seconds: float
    columns: list[Column]
    rows: list[Row]
    records: list[Record]
    skipped: dict[str, str] = field(default_factory=dict)
    tests: dict[tuple[str, str, str], Comparison] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    quoted: dict[str, Any] = field(default_factory=dict)


def column(metric: Metric) -> Column:
    """The heading of a metric."""
    return Column(
        metric.name,
        metric.label,
        metric.unit,
        metric.direction,
        metric.source,
        tuple(metric.versions()),
    )


def summarise_codec(codec: Codec, records: list[Record], columns: list[Column]) -> Row:
    """One row from all records of one codec."""
    done = [record for record in records if not record.error]
    seconds = sum(record.seconds for record in done) or math.nan
    info = codec.info()
    streams = [read_streams(record) for record in done] if info.codebook_sizes else []
    statistics = codebook_statistics(streams, info.codebook_sizes) if streams else []
    side = sum(record.bits.side_information for record in done)
    return Row(
        info=info,
        bitrate=sum(record.bits.tokens for record in done) / seconds,
        side_bitrate=side / seconds,
        container_bitrate=sum(record.bits.container for record in done) / seconds,
        side_bits=side / max(1, len(done)),
        tokens_per_second=sum(s.tokens for s in statistics) / seconds if statistics else None,
        rtf_encode=_rate(sum(record.encode_seconds for record in done), seconds),
        rtf_decode=_rate(sum(record.decode_seconds for record in done), seconds),
        estimates={c.name: _estimate(done, c.name) for c in columns},
        tokens=statistics,
        failures={record.utterance: record.error for record in records if record.error},
    )


def _rate(work: float, seconds: float) -> float | None:
    return work / seconds if work else None


def _estimate(records: list[Record], metric: str) -> Estimate:
    scored = [record for record in records if metric in record.scores]
    scores = [Score(*record.scores[metric]) for record in scored]
    return estimate(scores, [record.speaker for record in scored])


def read_streams(record: Record) -> list[Any]:
    """The token streams of a record, from the cache."""
    document = json.loads(Path(record.tokens).read_text())
    return [np.array(stream, np.int64) for stream in document["codes"]]


def compare_codecs(
    records: list[Record], columns: list[Column], codecs: list[str]
) -> dict[tuple[str, str, str], Comparison]:
    """Paired tests of every two codecs under every metric, with Holm's correction over all."""
    scores: dict[tuple[str, str], dict[str, Score]] = defaultdict(dict)
    for record in records:
        for metric, (value, weight) in record.scores.items():
            scores[record.codec, metric][record.utterance] = Score(value, weight)
    keys = [
        (c.name, first, second)
        for c in columns
        for index, first in enumerate(codecs)
        for second in codecs[index + 1 :]
    ]
    raw: dict[tuple[str, str, str], tuple[float, float, int]] = {}
    for metric, first, second in keys:
        one, other = scores[first, metric], scores[second, metric]
        shared = sorted(set(one) & set(other))
        if len(shared) >= FEWEST_PAIRS:
            found = compare([(one[name], other[name]) for name in shared])
            raw[metric, first, second] = (*found, len(shared))
    corrected = holm([p for _, p, _ in raw.values()])
    return {
        key: Comparison(difference, p, q, count)
        for (key, (difference, p, count)), q in zip(raw.items(), corrected, strict=True)
    }


def as_document(summary: Summary) -> dict[str, Any]:
    """The whole report as JSON; not-a-number becomes null."""
    document = {
        "title": summary.title,
        "about": summary.about,
        "utterances": summary.utterances,
        "speakers": summary.speakers,
        "seconds": summary.seconds,
        "columns": [asdict(c) for c in summary.columns],
        "codecs": [asdict(row) for row in summary.rows],
        "tests": [
            {"metric": metric, "first": first, "second": second, **asdict(test)}
            for (metric, first, second), test in summary.tests.items()
        ],
        "skipped": summary.skipped,
        "versions": summary.versions,
        "quoted": summary.quoted,
        "records": [asdict(record) for record in summary.records],
    }
    plain: dict[str, Any] = json.loads(json.dumps(document), parse_constant=lambda name: None)
    return plain
