"""One worker: its codecs and metrics stay loaded while utterances pass through."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from secousti.atomic import replacing, write_json
from secousti.errors import SecoustiError
from secousti.evaluation.audio import Audio, read_audio, read_utterance
from secousti.evaluation.cache import Cache, fingerprint
from secousti.evaluation.codecs import CODECS, Bits, Codec, Coded, codec_class, make_codec
from secousti.evaluation.datasets import Utterance
from secousti.evaluation.metrics import (
    Metric,
    Sample,
    Undefined,
    make_metric,
    metric_class,
)
from secousti.evaluation.suite import parse_spec, typed_options
from secousti.paths import readable


@dataclass(frozen=True)
class Plan:
    """What every worker does with every utterance; plain data, sent to other processes."""

    codecs: tuple[str, ...]
    metrics: tuple[str, ...]
    cache: str
    device: str = "cpu"


@dataclass(frozen=True)
class Work:
    """One utterance; ``voice`` is the recording whose voice is wanted, for conversion."""

    utterance: Utterance
    voice: Utterance | None = None


@dataclass
class Record:
    """What one codec did to one utterance, and what the metrics say of it.

    Attributes:
        scores: metric -> (value, weight).
        undefined: metric -> why this utterance has no value.
        audio: file of the decoded audio.
        tokens: file of the token streams.
        error: why the codec failed; everything else is empty then.
        known: whether the audio came from the cache.
    """

    codec: str
    utterance: str
    speaker: str
    language: str
    seconds: float = 0.0
    bits: Bits = field(default_factory=lambda: Bits(0))
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    scores: dict[str, tuple[float, float]] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    audio: str = ""
    tokens: str = ""
    error: str = ""
    known: bool = False


def build_codec(spec: str, device: str) -> Codec:
    """A codec from ``name`` or ``name:option=value,...``."""
    name, options = parse_spec(spec)
    label = options.pop("label", "")
    known = typed_options(codec_class(name), options) if name in CODECS else options
    return make_codec(name, device, label or _short(name, options), **known)


def _short(name: str, options: dict[str, str]) -> str:
    values = [Path(value).stem if "/" in value else value for value in options.values()]
    return "-".join([Path(name).name, *values])


def build_metric(spec: str, cache: Cache, device: str) -> Metric:
    """A metric from ``name`` or ``name:option=value,...``."""
    name, options = parse_spec(spec)
    return make_metric(name, cache, device, **typed_options(metric_class(name), options))


class Worker:
    """Codes and scores utterances; everything it finds is stored under its content at once."""

    def __init__(self, plan: Plan) -> None:
        self.cache = Cache(Path(plan.cache))
        self.codecs = [build_codec(spec, plan.device) for spec in plan.codecs]
        self.identities: dict[str, list[Any]] = {}
        self.metrics = [build_metric(spec, self.cache, plan.device) for spec in plan.metrics]

    def run(self, work: Work) -> list[Record]:
        """One record a codec; with its error where it fails, or the recording is unreadable."""
        try:
            source = read_utterance(work.utterance)
            voice = read_utterance(work.voice) if work.voice else None
        except Exception as error:  # whatever reading raises is this recording's fault
            return [self._unread(codec, work.utterance, error) for codec in self.codecs]
        return [self._record(codec, work.utterance, source, voice) for codec in self.codecs]

    def _unread(self, codec: Codec, utterance: Utterance, error: Exception) -> Record:
        reason = (
            str(error) if isinstance(error, SecoustiError) else f"{type(error).__name__}: {error}"
        )
        record = Record(codec.name, utterance.id, utterance.speaker, utterance.language)
        record.error = readable(reason)
        return record

    def _record(
        self, codec: Codec, utterance: Utterance, source: Audio, voice: Audio | None
    ) -> Record:
        record = Record(codec.name, utterance.id, utterance.speaker, utterance.language)
        record.seconds = source.duration
        try:
            coded = self._code(codec, source, voice, record)
        except Exception as error:  # foreign codecs fail in any way; the report goes on
            record.error = f"{type(error).__name__}: {error}"
            return record
        record.bits = coded.bits
        record.encode_seconds, record.decode_seconds = coded.encode_seconds, coded.decode_seconds
        sample = Sample(coded.audio, source, voice, utterance.text, utterance.language)
        for metric in self.metrics:
            self._score(metric, sample, record)
        return record

    def _score(self, metric: Metric, sample: Sample, record: Record) -> None:
        try:
            score = metric.score(sample)
            record.scores[metric.name] = (score.value, score.weight)
        except Undefined as reason:
            record.undefined[metric.name] = str(reason)

    def _code(self, codec: Codec, source: Audio, voice: Audio | None, record: Record) -> Coded:
        if codec.name not in self.identities:  # a model's weights are hashed once
            self.identities[codec.name] = identity(codec)
        key = fingerprint(self.identities[codec.name], source.key, voice.key if voice else "")
        sound = self.cache.path("audio", key, ".wav")
        notes = self.cache.path("audio", key, ".json")
        assert sound is not None
        assert notes is not None
        record.audio, record.tokens = str(sound), str(notes)
        try:
            coded = load_coded(sound, notes)
            record.known = True
        except (OSError, ValueError, KeyError, SecoustiError):
            coded = run_codec(codec, source, voice)
            store_coded(coded, sound, notes)
        return coded


def run_codec(codec: Codec, source: Audio, voice: Audio | None) -> Coded:
    """Code ``source``, or convert it to ``voice``.

    Raises:
        SecoustiError: this codec cannot convert.
    """
    if voice is None:
        return codec.code(source)
    if not hasattr(codec, "convert"):
        raise SecoustiError(f"{codec.name} cannot convert voices")
    return codec.convert(source, voice)


def identity(codec: Codec) -> list[Any]:
    """What the codec's output depends on, for the cache."""
    settings = {
        entry.name: getattr(codec, entry.name)
        for entry in fields(codec)
        if entry.name not in ("name", "device")
    }
    return [type(codec).__name__, codec.revision, settings, codec.info().version]


def store_coded(coded: Coded, sound: Path, notes: Path) -> None:
    """Write audio, then its notes: notes on disk mean that both are whole."""
    import soundfile

    audio = coded.audio
    with replacing(sound) as path:
        soundfile.write(path, audio.samples, audio.rate, format="WAV", subtype="FLOAT")
    document = {
        "bits": asdict(coded.bits),
        "codes": [stream.tolist() for stream in coded.codes],
        "encode_seconds": coded.encode_seconds,
        "decode_seconds": coded.decode_seconds,
    }
    write_json(notes, document)


def load_coded(sound: Path, notes: Path) -> Coded:
    """Read what ``store_coded`` wrote; any error means it is not whole."""
    document = json.loads(notes.read_text())
    return Coded(
        audio=read_audio(sound),
        bits=Bits(**document["bits"]),
        codes=[np.array(stream, np.int64) for stream in document["codes"]],
        encode_seconds=document["encode_seconds"],
        decode_seconds=document["decode_seconds"],
    )
