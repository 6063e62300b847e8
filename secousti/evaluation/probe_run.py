"""The task ``probes``: what every model's S, digits, G and A know, and whose voice G makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError
from secousti.evaluation.audio import Audio, read_utterance
from secousti.evaluation.cache import Cache
from secousti.evaluation.codecs import Codec
from secousti.evaluation.codecs.ours import Secousti
from secousti.evaluation.conversion_probe import (
    PitchFollowing,
    far_pairs,
    follow_pitch,
    median_octave,
    track_of,
)
from secousti.evaluation.datasets import Utterance, load_dataset
from secousti.evaluation.metrics import Metric, Sample, Score, Undefined
from secousti.evaluation.probes import (
    MOST_FRAMES,
    SILENCES,
    Probe,
    Representation,
    frame_features,
    frame_labels,
    linear_probe,
    most_recorded,
    nearest_phoneme,
    repeated_probe,
    represent,
    split_utterances,
    utterance_features,
)
from secousti.evaluation.statistics import Estimate, estimate
from secousti.evaluation.suite import Suite, parse_spec
from secousti.evaluation.worker import build_codec, build_metric

SPEAKERS = 12  # among whom the speaker probe tells
MOST_OF_A_SPEAKER = 3  # recordings that may be source or target of a conversion
WORDS, LIKENESS = "wer_increase", "speaker_similarity"

Recording = tuple[Utterance, Audio]


@dataclass
class ConversionReport:
    """Pairs of speakers more than half an octave apart: words of the one, voice of the other.

    Attributes:
        scores: sound (``source`` as it is, ``copy`` in its own voice, ``converted``) -> metric ->
            mean. Likeness is to the target's recording.
    """

    pairs: int
    pitch: PitchFollowing
    scores: dict[str, dict[str, Estimate]]


@dataclass
class ProbeReport:
    """What one model's representations know.

    Attributes:
        probes: label kind -> part (S, digits, G, A) -> probe.
        retrieval: part -> share of frames whose nearest phoneme is the right one.
        conversion: None where no two speakers are half an octave apart.
        skipped: what could not be probed -> why.
    """

    model: str
    probes: dict[str, dict[str, Probe]] = field(default_factory=dict)
    retrieval: dict[str, float] = field(default_factory=dict)
    conversion: ConversionReport | None = None
    skipped: dict[str, str] = field(default_factory=dict)


def probe_suite(
    suite: Suite, *, device: str, tick: Callable[[], None], cache: Path | None = None
) -> list[ProbeReport]:
    """Probe every codec of ours in the suite; one without S, G and A by its code vectors alone.

    Raises:
        SecoustiError: no codec of the suite is ours, or no recording can be read.
    """
    store = Cache(cache)
    recordings, unread = _read(load_dataset(suite.data))
    metrics, without = _metrics(suite, store, device)
    reports, reasons = [], []
    for spec in suite.codecs:
        try:
            adapter = _opened(build_codec(spec, device))
        except SecoustiError as reason:
            reasons.append(f"{spec}: {reason}")
            continue
        representations = []
        for _, audio in recordings:
            representations.append(represent(adapter.inner, audio))
            tick()
        report = probe_all(adapter.name, [u for u, _ in recordings], representations)
        report.skipped |= unread | without
        _probe_conversion(report, adapter, recordings, metrics, suite, store)
        reports.append(report)
    if not reports:
        raise SecoustiError("nothing to probe: " + "; ".join(reasons))
    return reports


def _read(utterances: list[Utterance]) -> tuple[list[Recording], dict[str, str]]:
    """The recordings that can be read, and why the others cannot."""
    found: list[Recording] = []
    unread: dict[str, str] = {}
    for utterance in utterances:
        try:
            found.append((utterance, read_utterance(utterance)))
        except SecoustiError as reason:
            unread[utterance.id] = str(reason)
    if not found:
        first = next(iter(unread.values()))
        raise SecoustiError(f"none of the {len(unread)} recordings can be read; the first: {first}")
    return found, unread


def _metrics(suite: Suite, cache: Cache, device: str) -> tuple[list[Metric], dict[str, str]]:
    """The suite's metrics of words and likeness that can run, and why the others cannot."""
    usable: list[Metric] = []
    skipped: dict[str, str] = {}
    for spec in suite.metrics:
        if parse_spec(spec)[0] in (WORDS, LIKENESS):
            metric = build_metric(spec, cache, device)
            try:
                metric.check()
                usable.append(metric)
            except SecoustiError as reason:
                skipped[metric.name] = str(reason)
    return usable, skipped


def _opened(adapter: Codec) -> Secousti:
    if not isinstance(adapter, Secousti):
        raise SecoustiError("has no S, G and A to probe")
    adapter.check()
    if not adapter.inner.embeddings:
        adapter.inner.code_vectors()  # tokens that have none are refused
    return adapter


def probe_all(
    model: str, utterances: list[Utterance], representations: list[Representation]
) -> ProbeReport:
    """All probes of representations that the labels at hand allow."""
    report = ProbeReport(model)
    whole = utterance_features(representations)
    _probe_speakers(report, whole, [u.speaker for u in utterances])
    emotions = [u.emotion or "" for u in utterances]
    _probe(report, "emotion", whole, emotions, split_utterances(emotions))
    _probe_phonemes(report, utterances, representations)
    return report


def _probe_speakers(
    report: ProbeReport, features: dict[str, NDArray[np.float64]], speakers: list[str]
) -> None:
    """Twelve speakers, as many recordings of each, the mean of five halvings."""
    chosen = most_recorded(speakers, SPEAKERS)
    names = [speakers[index] for index in chosen]
    if len(set(names)) < 2:
        report.skipped["speaker"] = "fewer than two speakers have two recordings"
        return
    report.probes["speaker"] = {
        part: repeated_probe(values[chosen], names) for part, values in features.items()
    }


def _probe(
    report: ProbeReport,
    kind: str,
    features: dict[str, NDArray[np.float64]],
    labels: list[str],
    train: NDArray[np.bool_],
) -> None:
    known = np.array([bool(label) for label in labels])
    if not known.any():
        report.skipped[kind] = f"no recording has a label for {kind}"
        return
    kept = [label for label in labels if label]
    try:
        report.probes[kind] = {
            part: linear_probe(values[known], kept, train[known])
            for part, values in features.items()
        }
    except SecoustiError as reason:
        report.skipped[kind] = str(reason)


def _probe_phonemes(
    report: ProbeReport, utterances: list[Utterance], representations: list[Representation]
) -> None:
    pairs = list(zip(utterances, representations, strict=True))
    labels = [label for u, r in pairs for label in frame_labels(u, r)]
    if not any(label not in SILENCES for label in labels):
        report.skipped["phoneme"] = (
            "no recording has timed phonemes: make a manifest that has with "
            "'python -m data_prep align' and name it with --data"
        )
        return
    owner = np.repeat(np.arange(len(pairs)), [len(r.semantic) for r in representations])
    train_utterances = np.random.default_rng(0).permutation(len(pairs)) % 2 == 0
    spoken = np.flatnonzero([label not in SILENCES for label in labels])
    chosen = np.sort(np.random.default_rng(0).permutation(spoken)[:MOST_FRAMES])
    features = {part: v[chosen] for part, v in frame_features(representations).items()}
    kept = [labels[index] for index in chosen]
    train = train_utterances[owner[chosen]]
    _probe(report, "phoneme", features, kept, train)
    if "phoneme" in report.probes:
        frames = [part for part in ("S", "A") if part in features]
        report.retrieval = {p: nearest_phoneme(features[p], kept, train) for p in frames}


def _probe_conversion(
    report: ProbeReport,
    adapter: Secousti,
    recordings: list[Recording],
    metrics: list[Metric],
    suite: Suite,
    cache: Cache,
) -> None:
    if not adapter.inner.voice_size:
        report.skipped["conversion"] = "the model has no voice vector"
        return
    if adapter.inner.mel_vocoder is None:
        report.skipped["conversion"] = "the model has no vocoder"
        return
    pairs = _pairs(recordings, suite.pairs, suite.data.seed, cache)
    if not pairs:
        report.skipped["conversion"] = "no two speakers are half an octave apart in pitch"
        return
    groups = [source.speaker for (source, _), _ in pairs]
    sounds = [(spoken, wanted) for (_, spoken), (_, wanted) in pairs]
    converted = {(s.key, w.key): adapter.convert(s, w).audio for s, w in sounds}
    pitch = follow_pitch(lambda s, w: converted[s.key, w.key], sounds, groups, cache)
    outputs = {
        "source": [spoken for spoken, _ in sounds],
        "copy": [adapter.code(spoken).audio for spoken, _ in sounds],
        "converted": [converted[s.key, w.key] for s, w in sounds],
    }
    scores = {
        name: {m.name: _mean(m, audio, pairs, groups) for m in metrics}
        for name, audio in outputs.items()
    }
    report.conversion = ConversionReport(len(pairs), pitch, scores)


def _pairs(
    recordings: list[Recording], count: int, seed: int, cache: Cache
) -> list[tuple[Recording, Recording]]:
    """Source and target, a few recordings of each speaker."""
    met: Counter[str] = Counter()
    few = []
    for utterance, audio in recordings:
        met[utterance.speaker] += 1
        if met[utterance.speaker] <= MOST_OF_A_SPEAKER:
            few.append((utterance, audio))
    octaves = [median_octave(track_of(audio, cache)) for _, audio in few]
    speakers = [utterance.speaker for utterance, _ in few]
    return [(few[a], few[b]) for a, b in far_pairs(speakers, octaves, count, seed)]


def _mean(
    metric: Metric,
    outputs: list[Audio],
    pairs: list[tuple[Recording, Recording]],
    groups: list[str],
) -> Estimate:
    """Over the pairs that have a value."""
    scores: list[tuple[Score, str]] = []
    for audio, ((source, spoken), (_, wanted)), group in zip(outputs, pairs, groups, strict=True):
        sample = Sample(audio, spoken, wanted, source.text, source.language)
        try:
            scores.append((metric.score(sample), group))
        except Undefined:
            continue
    return estimate([score for score, _ in scores], [group for _, group in scores])
