"""Voice conversion: what one recording says, in the voice of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secousti.audio.writing import WRITABLE_SUFFIXES
from secousti.container import Accounting
from secousti.container.info import SCT
from secousti.devices import AUTO
from secousti.errors import SecoustiError
from secousti.files.jobs import Job, Result, plan, run
from secousti.files.models import LoadedCodecs
from secousti.files.progress import Told, Track, between, watched
from secousti.files.sessions import LATENCY, expected_samples, speak
from secousti.files.sinks import write_audio, write_tokens
from secousti.files.sources import SOUND_OR_TOKENS, Speech, open_speech
from secousti.files.voices import in_voice, voice_of
from secousti.paths import PIPE


def convert(
    inputs: Sequence[str],
    output: str,
    *,
    voice: str,
    model: str | None = None,
    device: str = AUTO,
    force: bool = False,
    sample_rate: int | None = None,
    latency: float = LATENCY,
    processes: int = 1,
    track: Track | None = None,
) -> list[Result]:
    """Speak ``inputs`` (audio or ``.sct``) in the voice of the recording ``voice`` (either).

    An output that ends in ``.sct`` gets the tokens with the new voice, any other gets audio.

    Args:
        model: the codec; by default the one that a ``.sct`` file names, or the default model.
        device: where to compute; ``auto`` is a GPU if there is one.
        sample_rate: Hz of the audio, the codec's own if not given.
        latency: seconds of sound in a record of a live stream.
        processes: that work on several files at once.
        track: is told how much is done.

    Raises:
        SecoustiError: nothing could be begun, or the only input failed. With several inputs each
            result has its own ``error``.
    """
    if voice == PIPE:
        raise SecoustiError("the voice must be a file: a pipe is for what is to be said")
    jobs = plan(
        inputs,
        output,
        SOUND_OR_TOKENS,
        ".wav",
        force,
        outputs=WRITABLE_SUFFIXES | {SCT},
        also_read=[voice],
    )
    codecs = LoadedCodecs(model, device)
    codes = voice_of(voice, codecs)
    return run(jobs, _Conversion(codecs, codes, sample_rate, latency), track, processes)


@dataclass(frozen=True)
class _Conversion:
    """Converts one recording; the arguments are those of ``convert``."""

    codecs: LoadedCodecs
    codes: NDArray[np.int8]
    sample_rate: int | None
    latency: float

    def __call__(self, job: Job, told: Told) -> Result:
        reading, speaking = between(told, 0, 0.5), between(told, 0.5, 1)
        options = (None, self.latency, None, None, reading)
        with open_speech(job.source, self.codecs, *options) as speech:
            return _convert(job, speech, self.codes, self.sample_rate, speaking)


def _convert(
    job: Job, speech: Speech, codes: NDArray[np.int8], sample_rate: int | None, told: Told
) -> Result:
    header = speech.header
    events = in_voice(speech.events, codes)
    if job.target.endswith(SCT):
        end, bits = write_tokens(job.target, header, events, speech.live, speech.codec.coder)
        return Result(job, end.num_samples / header.sample_rate, end.frames, bits)
    rate = sample_rate or header.sample_rate
    portions = speak(speech.codec, events, header, rate)
    samples = write_audio(job.target, watched(portions, expected_samples(header, rate), told), rate)
    seconds = samples / rate
    return Result(job, seconds, round(seconds * header.frame_rate), Accounting())
