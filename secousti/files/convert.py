"""Voice conversion: what one recording says, in the voice of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from secousti.audio.writing import WRITABLE_SUFFIXES
from secousti.container import Accounting, Event, Voice
from secousti.container.info import SCT
from secousti.errors import SecoustiError
from secousti.files.jobs import Job, Result, Track, plan, run
from secousti.files.models import LoadedCodecs
from secousti.files.sessions import LATENCY, speak
from secousti.files.sinks import write_audio, write_tokens
from secousti.files.sources import SOUND_OR_TOKENS, Speech, open_speech
from secousti.paths import PIPE


def convert(
    inputs: Sequence[str],
    output: str,
    *,
    voice: str,
    model: str | None = None,
    device: str = "cpu",
    force: bool = False,
    sample_rate: int | None = None,
    latency: float = LATENCY,
    track: Track | None = None,
) -> list[Result]:
    """Speak ``inputs`` (audio or ``.sct``) in the voice of the recording ``voice`` (either).

    An output that ends in ``.sct`` gets the tokens with the new voice, any other gets audio.

    Args:
        model: the codec; by default the one that a ``.sct`` file names, or the default model.
        sample_rate: Hz of the audio, the codec's own if not given.
        latency: seconds of sound in a record of a live stream.
        track: wraps the jobs, to show progress.

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
    codes = _voice_of(voice, codecs)

    def work(job: Job) -> Result:
        with open_speech(job.source, codecs, latency=latency) as speech:
            return _convert(job, speech, codes, sample_rate)

    return run(jobs, work, track)


def _convert(job: Job, speech: Speech, codes: NDArray[np.int8], sample_rate: int | None) -> Result:
    header = speech.header
    events = _in_voice(speech.events, codes)
    if job.target.endswith(SCT):
        end, bits = write_tokens(job.target, header, events, speech.live, speech.codec.coder)
        return Result(job, end.num_samples / header.sample_rate, end.frames, bits)
    rate = sample_rate or header.sample_rate
    samples = write_audio(job.target, speak(speech.codec, events, header, rate), rate)
    seconds = samples / rate
    return Result(job, seconds, round(seconds * header.frame_rate), Accounting())


def _in_voice(events: Iterable[Event], codes: NDArray[np.int8]) -> Iterator[Event]:
    yield Voice(0, codes)
    yield from (event for event in events if not isinstance(event, Voice))


def _voice_of(path: str, codecs: LoadedCodecs) -> NDArray[np.int8]:
    """The last, best known paralinguistic vector of a recording.

    Raises:
        SecoustiError: it has none.
    """
    with open_speech(path, codecs) as speech:
        if not speech.header.paralinguistic:
            raise SecoustiError(
                f"the model {speech.header.model!r} keeps no voice apart from its tokens, so it "
                "converts none: use a SecoustiCodec"
            )
        voices = [event.codes for event in speech.events if isinstance(event, Voice)]
    if not voices:
        raise SecoustiError(f"{path} holds no paralinguistic vector to speak with")
    return voices[-1]
