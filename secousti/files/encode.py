"""Recordings -> ``.sct`` files."""

from __future__ import annotations

from collections.abc import Sequence

from secousti.audio.io import AUDIO_SUFFIXES
from secousti.container.info import SCT
from secousti.files.jobs import Job, Result, Track, plan, run
from secousti.files.models import Shelf
from secousti.files.sessions import LATENCY
from secousti.files.sinks import write_tokens
from secousti.files.sources import open_speech
from secousti.hub.resolve import DEFAULT_MODEL


def encode(
    inputs: Sequence[str],
    output: str,
    *,
    model: str = DEFAULT_MODEL,
    device: str = "cpu",
    force: bool = False,
    payload: str = "packed",
    latency: float = LATENCY,
    refresh: float | None = None,
    track: Track | None = None,
) -> list[Result]:
    """Encode files, folders (their trees mirrored) or a pipe (``-``).

    Args:
        payload: ``packed`` or ``entropy``.
        latency: seconds of sound in a record of a live stream.
        refresh: send the voice of a live stream again every so many seconds.
        track: wraps the jobs, to show progress.

    Raises:
        SecoustiError: nothing could be begun, or the only input failed. With several inputs each
            result has its own ``error``.
    """
    jobs = plan(inputs, output, AUDIO_SUFFIXES, SCT, force)
    shelf = Shelf(model, device)
    shelf.default()  # a wrong model is one error, not one for every file

    def work(job: Job) -> Result:
        with open_speech(job.source, shelf, payload, latency, refresh) as speech:
            end, bits = write_tokens(job.target, speech.header, speech.events, speech.live)
        return Result(job, end.num_samples / speech.codec.sample_rate, end.frames, bits)

    return run(jobs, work, track)
