"""What a metric is: a name, a direction, what it needs, and a score for one utterance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from typing import Any, ClassVar, Literal

from secousti.errors import SecoustiError, require
from secousti.evaluation.audio import Audio, Samples, fit
from secousti.evaluation.cache import Cache


class Undefined(SecoustiError):
    """This one utterance has no value (silence, too short, no text); the run goes on."""


@dataclass(frozen=True)
class Score:
    """A value and its weight in the mean over utterances (words for WER, 1 otherwise)."""

    value: float
    weight: float = 1.0


@dataclass(frozen=True)
class Sample:
    """One utterance to be judged.

    Attributes:
        degraded: what came out of the codec.
        reference: what went in; None where there is none.
        identity: the recording whose voice is wanted: the reference, or for voice conversion
            the recording the paralinguistic vector was taken from.
        text: what was said, where known.
        language: a code such as "en" or "zh".
    """

    degraded: Audio
    reference: Audio | None = None
    identity: Audio | None = None
    text: str | None = None
    language: str = "en"

    def source(self) -> Audio:
        """The reference, or an ``Undefined`` that says it is missing."""
        if self.reference is None:
            raise Undefined("needs the reference recording")
        return self.reference

    def voice(self) -> Audio:
        """The recording whose voice is wanted."""
        return self.identity or self.source()

    def pair(self, rate: int) -> tuple[Samples, Samples]:
        """Reference and degraded ``[T]`` at ``rate``; degraded is cut or zero-padded to fit."""
        reference = self.source().at(rate)
        return reference, fit(self.degraded.at(rate), len(reference))

    def key(self) -> list[str]:
        """What the score depends on, for the cache."""
        recordings = (self.degraded, self.reference, self.identity)
        keys = [audio.key if audio else "" for audio in recordings]
        return [*keys, self.text or "", self.language]


@dataclass(frozen=True)
class Requirement:
    """An importable module and the extra of this package that installs it."""

    module: str
    extra: str = "eval"
    distribution: str = ""

    def version(self) -> str:
        """Installed version, e.g. ``"pesq 0.0.4"``."""
        name = self.distribution or self.module.partition(".")[0]
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            return name


@dataclass
class Metric(ABC):
    """Base of all metrics: set the class attributes, implement ``compute``.

    Attributes:
        name: how suites and the command line call it.
        label: the column's heading.
        direction: whether a higher or a lower value is better.
        unit: of the value; empty for a plain number.
        requires: packages it imports.
        source: the publication or implementation that defines it.
        revision: of our own code; raise it whenever a change moves a value, so that scores in a
            cache from before are not taken for today's.
    """

    cache: Cache = field(default_factory=Cache, repr=False, compare=False, kw_only=True)
    device: str = field(default="cpu", kw_only=True)

    name: ClassVar[str]
    label: ClassVar[str]
    direction: ClassVar[Literal["higher", "lower"]]
    unit: ClassVar[str] = ""
    requires: ClassVar[tuple[Requirement, ...]] = ()
    source: ClassVar[str] = ""
    revision: ClassVar[int] = 1

    def check(self) -> None:
        """Raise a ``SecoustiError`` that says what to install or download, or return."""
        for requirement in self.requires:
            require(requirement.module, requirement.extra)

    def versions(self) -> list[str]:
        """Packages and weights the value depends on, printed in every report."""
        return [requirement.version() for requirement in self.requires]

    def options(self) -> dict[str, Any]:
        """The settings that change the value; part of the cache's key."""
        hidden = {"cache", "device"}
        return {
            key: value
            for key, value in vars(self).items()
            if key not in hidden
            and not key.startswith("_")
            and isinstance(value, str | int | float | bool)
        }

    @cached_property
    def identity(self) -> list[Any]:
        """Name, then revision, settings and packages: what a score depends on beside sound."""
        return [self.name, self.revision, self.options(), self.versions()]

    def score(self, sample: Sample) -> Score:
        """The score of one utterance, from the cache where it is known.

        Raises:
            Undefined: this utterance has no value under this metric.
        """
        parts = [*self.identity, sample.key()]
        stored = self.cache.remember("scores", parts, lambda: self._stored(sample))
        if isinstance(stored, str):
            raise Undefined(stored)
        return Score(*stored)

    def _stored(self, sample: Sample) -> list[float] | str:
        try:
            score = self.compute(sample)
        except Undefined as reason:
            return str(reason)
        return [float(score.value), float(score.weight)]

    @abstractmethod
    def compute(self, sample: Sample) -> Score:
        """Score one utterance; raise ``Undefined`` where it has no value."""
