"""Recordings -> what they sound like after the codec."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from secousti.audio.io import AUDIO_SUFFIXES
from secousti.base import ALL
from secousti.container import Event, Writer
from secousti.files.jobs import Job, Result, Track, plan, run
from secousti.files.models import LoadedCodecs
from secousti.files.sessions import LATENCY, speak
from secousti.files.sinks import write_audio
from secousti.files.sources import open_speech
from secousti.hub.resolve import DEFAULT_MODEL
from secousti.paths import PIPE


def roundtrip(
    inputs: Sequence[str],
    output: str,
    *,
    model: str = DEFAULT_MODEL,
    device: str = "cpu",
    force: bool = False,
    entropy: str | None = None,
    sample_rate: int | None = None,
    latency: float = LATENCY,
    mode: str = ALL,
    track: Track | None = None,
) -> list[Result]:
    """Encode and decode, to hear the codec and to see what it takes.

    Args:
        entropy: as for ``encode``.
        sample_rate: Hz of the result, the codec's own if not given.
        latency: seconds of sound in a record of a live stream.
        mode: one of ``Codec.modes``.
        track: wraps the jobs, to show progress.

    Raises:
        SecoustiError: nothing could be begun, or the only input failed. With several inputs each
            result has its own ``error``.
    """
    jobs = plan(inputs, output, AUDIO_SUFFIXES, ".wav", force)
    codecs = LoadedCodecs(model, device)
    rate = sample_rate or codecs.default().sample_rate

    def work(job: Job) -> Result:
        with open_speech(job.source, codecs, entropy, latency) as speech:
            writer = Writer(_Nowhere(), speech.header, coder=speech.codec.coder)
            events = _counted(speech.events, writer, speech.live)
            heard_live = speech.live and job.target == PIPE
            portions = speak(speech.codec, events, speech.header, rate, mode, heard_live)
            samples = write_audio(job.target, portions, rate)
        return Result(job, samples / rate, writer.frames, writer.bits)

    return run(jobs, work, track)


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
