"""Recordings -> what they sound like after the codec."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from secousti.audio.io import AUDIO_SUFFIXES
from secousti.base import ALL
from secousti.container import Event, Writer
from secousti.devices import AUTO
from secousti.files.jobs import Job, Result, plan, run
from secousti.files.models import LoadedCodecs
from secousti.files.progress import Told, Track, between, watched
from secousti.files.sessions import LATENCY, expected_samples, speak
from secousti.files.sinks import write_audio
from secousti.files.sources import open_speech
from secousti.hub.resolve import DEFAULT_MODEL
from secousti.paths import PIPE


def roundtrip(
    inputs: Sequence[str],
    output: str,
    *,
    model: str = DEFAULT_MODEL,
    device: str = AUTO,
    force: bool = False,
    entropy: str | None = None,
    sample_rate: int | None = None,
    latency: float = LATENCY,
    mode: str = ALL,
    processes: int = 1,
    track: Track | None = None,
) -> list[Result]:
    """Encode and decode, to hear the codec and to see what it takes.

    Args:
        device: where to compute; ``auto`` is a GPU if there is one.
        entropy: as for ``encode``.
        sample_rate: Hz of the result, the codec's own if not given.
        latency: seconds of sound in a record of a live stream.
        mode: one of ``Codec.modes``.
        processes: that work on several files at once.
        track: is told how much is done.

    Raises:
        SecoustiError: nothing could be begun, or the only input failed. With several inputs each
            result has its own ``error``.
    """
    jobs = plan(inputs, output, AUDIO_SUFFIXES, ".wav", force)
    codecs = LoadedCodecs(model, device)
    rate = sample_rate or codecs.default().sample_rate

    return run(jobs, _Roundtrip(codecs, entropy, latency, rate, mode), track, processes)


@dataclass(frozen=True)
class _Roundtrip:
    """Encodes and decodes one recording; the arguments are those of ``roundtrip``."""

    codecs: LoadedCodecs
    entropy: str | None
    latency: float
    rate: int
    mode: str

    def __call__(self, job: Job, told: Told) -> Result:
        reading, speaking = between(told, 0, 0.5), between(told, 0.5, 1)
        options = (self.entropy, self.latency, None, None, reading)
        with open_speech(job.source, self.codecs, *options) as speech:
            writer = Writer(_Nowhere(), speech.header, coder=speech.codec.coder)
            events = _counted(speech.events, writer, speech.live)
            heard_live = speech.live and job.target == PIPE
            portions = speak(speech.codec, events, speech.header, self.rate, self.mode, heard_live)
            total = expected_samples(speech.header, self.rate)
            samples = write_audio(job.target, watched(portions, total, speaking), self.rate)
        return Result(job, samples / self.rate, writer.frames, writer.bits)


def _counted(events: Iterable[Event], writer: Writer, live: bool) -> Iterator[Event]:
    """The same events, written on the way to see what they take."""
    for event in events:
        writer.put(event)
        if live:
            writer.flush()
        yield event


class _Nowhere(io.RawIOBase):
    """Takes bytes and forgets them."""

    def write(self, data: Any) -> int:
        return len(data)
