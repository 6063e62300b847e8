"""``.sct`` files -> recordings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from secousti.audio.raw import RAW_SUFFIXES, RawFormat
from secousti.base import ALL
from secousti.container import End, Event, Header, Reader, TruncatedError, read_range
from secousti.container.info import SCT
from secousti.container.limits import MAX_SECONDS
from secousti.errors import SecoustiError
from secousti.files.jobs import Job, Result, Track, plan, run
from secousti.files.models import LoadedCodecs
from secousti.files.packets import decode_packets, is_packets
from secousti.files.sessions import speak
from secousti.files.sinks import write_audio
from secousti.files.sources import open_tokens
from secousti.paths import PIPE, is_stream

# Seconds decoded before a stretch, for the codec to settle, and after it, for what looks ahead.
BEFORE, AFTER = 5.0, 1.0


def decode(
    inputs: Sequence[str],
    output: str,
    *,
    model: str | None = None,
    device: str = "cpu",
    force: bool = False,
    sample_rate: int | None = None,
    start: float = 0.0,
    end: float | None = None,
    partial: bool = False,
    mode: str = ALL,
    max_seconds: float = MAX_SECONDS,
    raw: str | None = None,
    track: Track | None = None,
) -> list[Result]:
    """Decode files, folders (their trees mirrored), packets as one recording, or a pipe (``-``).

    Args:
        model: the codec; by default the one that each file names.
        sample_rate: Hz of the audio, the codec's own if not given.
        start, end: seconds; only this stretch, read without reading the rest of the file.
        partial: of a file that is cut short, keep what is whole.
        mode: one of ``Codec.modes``; a P2PSynCodec's ``plain`` is without its pseudo VQs.
        max_seconds: refuse files that hold more speech.
        raw: write samples without a header, as ``FORMAT:RATE`` (``s16le:16000``) says.
        track: wraps the jobs, to show progress.

    Raises:
        SecoustiError: nothing could be begun, or the only input failed. With several inputs each
            result has its own ``error``.
    """
    if is_packets(inputs):
        return decode_packets(inputs, output, model, device, force, sample_rate, track)
    if not math.isfinite(start) or (end is not None and math.isnan(end)):
        raise SecoustiError(f"a stretch begins at a number of seconds, not at {start}")
    end = None if end == math.inf else end
    if min(start, 0 if end is None else end - start) < 0:
        raise SecoustiError(f"the stretch from {start} s to {end} s has no length")
    whole = start == 0 and end is None
    layout = None if raw is None else RawFormat.parse(raw)
    if layout is None:
        jobs = plan(inputs, output, {SCT}, ".wav", force)
    else:
        jobs = plan(inputs, output, {SCT}, ".raw", force, outputs=RAW_SUFFIXES)
        sample_rate = layout.sample_rate
    codecs = LoadedCodecs(model, device)

    def work(job: Job) -> Result:
        if whole:
            return _decode(job, codecs, sample_rate, partial, mode, max_seconds, layout)
        return _decode_stretch(job, codecs, sample_rate, start, end, mode, layout)

    return run(jobs, work, track)


def _decode(
    job: Job,
    codecs: LoadedCodecs,
    sample_rate: int | None,
    partial: bool,
    mode: str,
    max_seconds: float,
    raw: RawFormat | None,
) -> Result:
    with open_tokens(job.source, codecs, max_seconds) as speech:
        rate = sample_rate or speech.codec.sample_rate
        heard_live = speech.live and job.target == PIPE
        portions = speak(speech.codec, speech.events, speech.header, rate, mode, heard_live)
        notes = [speech.note] if speech.note else []
        if partial:
            portions = _forgiving(portions, notes)
        samples = write_audio(job.target, portions, rate, raw)
        assert speech.reader is not None
        frames, bits = speech.reader.frames or 0, speech.reader.bits
    return Result(job, samples / rate, frames, bits, note="; ".join(notes) or None)


def _forgiving(
    portions: Iterable[NDArray[np.float32]], notes: list[str]
) -> Iterator[NDArray[np.float32]]:
    """All that is whole of a stream; what is wrong with the rest goes into ``notes``."""
    try:
        yield from portions
    except TruncatedError as error:
        notes.append(str(error))


def _decode_stretch(
    job: Job,
    codecs: LoadedCodecs,
    sample_rate: int | None,
    start: float,
    end: float | None,
    mode: str,
    raw: RawFormat | None,
) -> Result:
    """Decode a little more than the stretch, and cut."""
    if job.source == PIPE or is_stream(job.source):
        raise SecoustiError("a stretch is read from a file: a pipe cannot seek")
    with open(job.source, "rb") as file:
        header = Reader(file, job.source).header
        codec = codecs.codec(header, job.source)
        rate = sample_rate or codec.sample_rate
        first = max(0, int((start - BEFORE) * header.frame_rate))
        last = None if end is None else math.ceil((end + AFTER) * header.frame_rate)
        file.seek(0)
        events = _moved(read_range(file, first, last, job.source, codecs.coders), first, header)
        audio = np.concatenate(list(speak(codec, events, header, rate, mode)))
    offset = first / header.frame_rate
    stop = None if end is None else round((end - offset) * rate)
    audio = audio[round((start - offset) * rate) : stop]
    if not len(audio):
        raise SecoustiError(f"{job.source} ends before {start} s")
    write_audio(job.target, [audio], rate, raw)
    return Result(job, len(audio) / rate, round(len(audio) / rate * header.frame_rate))


def _moved(events: Iterable[Event], first: int, header: Header) -> Iterator[Event]:
    """The same, as if the recording began at frame ``first``."""
    for event in events:
        if isinstance(event, End):
            yield End(event.frames - first, event.num_samples - first * header.frame_size, 0)
        else:
            yield replace(event, start=max(event.start - first, 0))
