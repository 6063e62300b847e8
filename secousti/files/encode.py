"""Recordings -> ``.sct`` files."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

from secousti.audio.io import AUDIO_SUFFIXES
from secousti.audio.raw import RAW_SUFFIXES, RawFormat
from secousti.container import Reader
from secousti.container.encoded import check_codec, codec_header, reads_voices
from secousti.container.info import SCT
from secousti.errors import SecoustiError
from secousti.files.jobs import Job, Result, Track, plan, run
from secousti.files.models import LoadedCodecs
from secousti.files.packets import encode_packets
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
    entropy: str | None = None,
    packet_bytes: int | None = None,
    latency: float = LATENCY,
    refresh: float | None = None,
    raw: str | None = None,
    track: Track | None = None,
) -> list[Result]:
    """Encode files, folders (their trees mirrored) or a pipe (``-``).

    A folder that was encoded in part is continued: files that this model has made of recordings
    that did not change since are left as they are.

    Args:
        entropy: ``learned``, ``adaptive`` or ``packed``; by default learned if the model has a
            learned coder, else packed.
        packet_bytes: write ``output`` as a folder of packets of at most so many bytes, each of
            which decodes alone.
        latency: seconds of sound in a record of a live stream.
        refresh: send the voice of a live stream again every so many seconds.
        raw: the inputs have no header; they are ``FORMAT:RATE[:CHANNELS]``, as ``s16le:16000``.
        track: wraps the jobs, to show progress.

    Raises:
        SecoustiError: nothing could be begun, or the only input failed. With several inputs each
            result has its own ``error``.
    """
    if packet_bytes is not None:
        shared = (model, device, force, entropy, track)
        return encode_packets(inputs, output, packet_bytes, *shared)
    codecs = LoadedCodecs(model, device)
    layout = None if raw is None else RawFormat.parse(raw)

    def finished(job: Job) -> bool:
        return layout is None and is_made_by(job, codecs, entropy)

    suffixes = RAW_SUFFIXES if layout else AUDIO_SUFFIXES
    jobs = plan(inputs, output, suffixes, SCT, force, finished=finished)
    codecs.default()  # a wrong model is one error, not one for every file

    def work(job: Job) -> Result:
        with open_speech(job.source, codecs, entropy, latency, refresh, layout) as speech:
            # a record of a stream holds this many frames, or one less
            usual = math.ceil(latency * speech.codec.frame_rate) if speech.live else None
            parts = (speech.header, speech.events, speech.live, speech.codec.coder, usual)
            end, bits = write_tokens(job.target, *parts)
        return Result(job, end.num_samples / speech.codec.sample_rate, end.frames, bits)

    return run(jobs, work, track)


def is_made_by(job: Job, codecs: LoadedCodecs, entropy: str | None) -> bool:
    """Whether the target of a job holds what the job would make, of a recording as it is now."""
    if os.stat(job.source).st_mtime_ns > os.stat(job.target).st_mtime_ns:
        return False
    try:
        with open(job.target, "rb") as file:
            header = Reader(file, job.target).header
        codec = codecs.default()
        check_codec(header, codec, job.target)
    except (SecoustiError, OSError):
        return False
    wanted = codec_header(codec, payload=entropy)
    forms = (header.payload, header.voice_form) == (wanted.payload, wanted.voice_form)
    return bool(header.token_hash) and reads_voices(header, codec) and forms
