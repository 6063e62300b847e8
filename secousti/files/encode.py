"""Recordings -> ``.sct`` files."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from secousti.audio.io import AUDIO_SUFFIXES
from secousti.audio.raw import RAW_SUFFIXES, RawFormat
from secousti.container import Accounting, Reader
from secousti.container.encoded import check_codec, codec_header, reads_voices
from secousti.container.info import SCT
from secousti.devices import AUTO
from secousti.errors import SecoustiError
from secousti.files.bare import BARE, LACKS, is_bare, write_bare
from secousti.files.jobs import Job, Result, plan, run
from secousti.files.models import LoadedCodecs
from secousti.files.packets import encode_packets
from secousti.files.progress import Told, Track
from secousti.files.sessions import LATENCY
from secousti.files.sinks import write_tokens
from secousti.files.sources import open_speech
from secousti.hub.resolve import DEFAULT_MODEL


def encode(
    inputs: Sequence[str],
    output: str | None = None,
    *,
    model: str = DEFAULT_MODEL,
    device: str = AUTO,
    force: bool = False,
    entropy: str | None = None,
    packet_bytes: int | None = None,
    latency: float = LATENCY,
    refresh: float | None = None,
    raw: str | None = None,
    processes: int = 1,
    track: Track | None = None,
) -> list[Result]:
    """Encode files, folders (their trees mirrored) or a pipe (``-``).

    A folder that was encoded in part is continued: files that this model has made of recordings
    that did not change since are left as they are. An ``output`` that ends in ``.npy`` or ``.pt``
    gets the codes alone, int64 [K, L].

    Args:
        output: a file, a folder or ``-``; by default ``a.wav`` becomes ``a.sct`` beside it.
        device: where to compute; ``auto`` is a GPU if there is one.
        entropy: ``learned``, ``adaptive`` or ``packed``; by default learned if the model has a
            learned coder, else packed.
        packet_bytes: write ``output`` as a folder of packets of at most so many bytes, each of
            which decodes alone.
        latency: seconds of sound in a record of a live stream.
        refresh: send the voice of a live stream again every so many seconds.
        raw: the inputs have no header; they are ``FORMAT:RATE[:CHANNELS]``, as ``s16le:16000``.
        processes: that work on several files at once.
        track: is told how much is done.

    Raises:
        SecoustiError: nothing could be begun, or the only input failed. With several inputs each
            result has its own ``error``.
    """
    if packet_bytes is not None:
        if output is None or raw is not None:
            raise SecoustiError(
                "packets are made of one recording with a header, into a folder (-o)"
            )
        shared = (model, device, force, entropy, track)
        return encode_packets(inputs, output, packet_bytes, *shared)
    codecs = LoadedCodecs(model, device)
    layout = None if raw is None else RawFormat.parse(raw)

    def finished(job: Job) -> bool:
        return layout is None and is_made_by(job, codecs, entropy)

    suffixes = RAW_SUFFIXES if layout else AUDIO_SUFFIXES
    known = BARE | {SCT}
    jobs = plan(inputs, output, suffixes, SCT, force, outputs=known, finished=finished)
    codecs.default()  # a wrong model is one error, not one for every file
    return run(jobs, _Encoding(codecs, entropy, latency, refresh, layout), track, processes)


@dataclass(frozen=True)
class _Encoding:
    """Encodes one recording; the arguments are those of ``encode``."""

    codecs: LoadedCodecs
    entropy: str | None
    latency: float
    refresh: float | None
    raw: RawFormat | None

    def __call__(self, job: Job, told: Told) -> Result:
        options = (self.entropy, self.latency, self.refresh, self.raw, told)
        note, bits = None, Accounting()
        with open_speech(job.source, self.codecs, *options) as speech:
            codec = speech.codec
            if is_bare(job.target):
                end = write_bare(job.target, speech.events, codec.num_codebooks)
                note = f"{job.target} {LACKS}"
            else:
                # a record of a stream holds this many frames, or one less
                usual = math.ceil(self.latency * codec.frame_rate) if speech.live else None
                parts = (speech.header, speech.events, speech.live, codec.coder, usual)
                end, bits = write_tokens(job.target, *parts)
        return Result(job, end.num_samples / codec.sample_rate, end.frames, bits, note=note)


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
