"""``.sct`` files -> recordings."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from secousti.audio.raw import RAW_SUFFIXES, RawFormat
from secousti.base import ALL
from secousti.container import MAGIC, End, Event, Header, Reader, TruncatedError, read_range
from secousti.container.encoded import codec_header
from secousti.container.info import SCT
from secousti.container.limits import MAX_SECONDS
from secousti.devices import AUTO
from secousti.errors import SecoustiError
from secousti.files.bare import BARE, LACKS, bare_events, is_bare, read_bare
from secousti.files.extracted import decode_extracted, is_extraction
from secousti.files.jobs import Job, Result, plan, run
from secousti.files.models import LoadedCodecs
from secousti.files.packets import decode_packets, is_packets
from secousti.files.progress import Told, Track, watched
from secousti.files.sessions import expected_samples, speak
from secousti.files.sinks import write_audio
from secousti.files.sources import open_tokens
from secousti.files.voices import in_voice, voice_of
from secousti.paths import PIPE, is_stream

# Seconds decoded before a stretch, for the codec to settle, and after it, for what looks ahead.
BEFORE, AFTER = 5.0, 1.0


def decode(
    inputs: Sequence[str],
    output: str | None = None,
    *,
    model: str | None = None,
    device: str = AUTO,
    force: bool = False,
    sample_rate: int | None = None,
    start: float = 0.0,
    end: float | None = None,
    partial: bool = False,
    mode: str = ALL,
    voice: str | None = None,
    ids: Sequence[str] | None = None,
    max_seconds: float = MAX_SECONDS,
    raw: str | None = None,
    processes: int = 1,
    track: Track | None = None,
) -> list[Result]:
    """Decode files, folders (their trees mirrored), packets as one recording, or a pipe (``-``).

    Beside ``.sct`` files, ``.npy`` and ``.pt`` files of codes alone are read, and recordings of an
    extraction by their ``ids``.

    Args:
        output: a file, a folder or ``-``; by default ``a.sct`` becomes ``a.wav`` beside it.
        model: the codec; by default the one that each file names. Codes alone name none.
        device: where to compute; ``auto`` is a GPU if there is one.
        sample_rate: Hz of the audio, the codec's own if not given.
        start, end: seconds; only this stretch, read without reading the rest of the file.
        partial: of a file that is cut short, keep what is whole.
        mode: one of ``Codec.modes``; a P2PSynCodec's ``plain`` is without its pseudo VQs.
        voice: a recording, audio or ``.sct``, whose voice to speak in.
        ids: of recordings, where the input is a folder that ``extract`` wrote.
        max_seconds: refuse files that hold more speech.
        raw: write samples without a header, as ``FORMAT:RATE`` (``s16le:16000``) says.
        processes: that work on several files at once.
        track: is told how much is done.

    Raises:
        SecoustiError: nothing could be begun, or the only input failed. With several inputs each
            result has its own ``error``.
    """
    if not math.isfinite(start) or (end is not None and math.isnan(end)):
        raise SecoustiError(f"a stretch begins at a number of seconds, not at {start}")
    end = None if end == math.inf else end
    if min(start, 0 if end is None else end - start) < 0:
        raise SecoustiError(f"the stretch from {start} s to {end} s has no length")
    whole = start == 0 and end is None
    if ids and not is_extraction(inputs):
        raise SecoustiError("--id chooses from one folder that 'secousti extract' wrote")
    if is_extraction(inputs):
        into = _whole_only("an extraction", output, raw or partial or not whole)
        options = (model, device, force, sample_rate, mode, voice, track)
        return decode_extracted(inputs[0], ids or (), into, *options)
    if is_packets(inputs):
        into = _whole_only("packets", output, voice or raw or partial or not whole)
        return decode_packets(inputs, into, model, device, force, sample_rate, track)
    layout = None if raw is None else RawFormat.parse(raw)
    read = [] if voice is None else [voice]
    if layout is None:
        jobs = plan(inputs, output, {SCT}, ".wav", force, also_read=read)
    else:
        jobs = plan(inputs, output, {SCT}, ".raw", force, outputs=RAW_SUFFIXES, also_read=read)
        sample_rate = layout.sample_rate
    codecs = LoadedCodecs(model, device)
    who = None if voice is None else voice_of(voice, codecs)
    limits = (start, end, whole, partial, max_seconds)
    return run(jobs, _Decoding(codecs, sample_rate, *limits, mode, who, layout), track, processes)


def _whole_only(what: str, output: str | None, others: object) -> str:
    """``output``, if there is one and nothing is asked that only ``.sct`` files can do."""
    if output is None or others:
        raise SecoustiError(
            f"of {what} whole recordings are decoded, into what -o names; stretches, --partial "
            "and --raw are for .sct files"
        )
    return output


def _check_suffix(path: str) -> None:
    """Refuse a file that neither its name nor its first bytes call tokens."""
    if os.path.splitext(path)[1].lower() in ("", SCT) or is_stream(path):
        return
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise SecoustiError(
                f"{path}: it is not a .sct file (it begins with other bytes); decode reads .sct, "
                f"and tokens alone from {' and '.join(sorted(BARE))}"
            )


@dataclass(frozen=True)
class _Decoding:
    """Decodes one recording; the arguments are those of ``decode``.

    ``whole``: not a stretch of it. ``voice``: who is to speak, instead of the recording's own.
    """

    codecs: LoadedCodecs
    sample_rate: int | None
    start: float
    end: float | None
    whole: bool
    partial: bool
    max_seconds: float
    mode: str
    voice: NDArray[np.int8] | None
    raw: RawFormat | None

    def __call__(self, job: Job, told: Told) -> Result:
        if not self.whole:
            return self._stretch(job)
        return self._bare(job, told) if is_bare(job.source) else self._file(job, told)

    def _file(self, job: Job, told: Told) -> Result:
        _check_suffix(job.source)
        with open_tokens(job.source, self.codecs, self.max_seconds) as speech:
            rate = self.sample_rate or speech.codec.sample_rate
            heard_live = speech.live and job.target == PIPE
            events = self._spoken_by(speech.events)
            portions = speak(speech.codec, events, speech.header, rate, self.mode, heard_live)
            notes = [speech.note] if speech.note else []
            if self.partial:
                portions = _forgiving(portions, notes)
            portions = watched(portions, expected_samples(speech.header, rate), told)
            samples = write_audio(job.target, portions, rate, self.raw)
            assert speech.reader is not None
            frames, bits = speech.reader.frames or 0, speech.reader.bits
        return Result(job, samples / rate, frames, bits, note="; ".join(notes) or None)

    def _bare(self, job: Job, told: Told) -> Result:
        """Codes without anything beside them."""
        if not self.codecs.named:
            raise SecoustiError(f"{job.source} {LACKS}: name the model with --model")
        codec = self.codecs.default()
        rate = self.sample_rate or codec.sample_rate
        codes = read_bare(job.source, codec, self.max_seconds)
        length = codes.shape[1] * codec.frame_size
        header = codec_header(codec, num_samples=length)
        portions = speak(codec, bare_events(codes, self.voice, length), header, rate, self.mode)
        total = expected_samples(header, rate)
        samples = write_audio(job.target, watched(portions, total, told), rate, self.raw)
        note = None
        if self.voice is None and codec.voice_size:
            note = f"{job.source} has no voice, so an average one speaks; --voice gives one"
        return Result(job, samples / rate, codes.shape[1], note=note)

    def _spoken_by(self, events: Iterator[Event]) -> Iterator[Event]:
        return events if self.voice is None else in_voice(events, self.voice)

    def _stretch(self, job: Job) -> Result:
        """Decode a little more than the stretch, and cut."""
        if job.source == PIPE or is_stream(job.source):
            raise SecoustiError("a stretch is read from a file: a pipe cannot seek")
        with open(job.source, "rb") as file:
            header = Reader(file, job.source).header
            codec = self.codecs.codec(header, job.source)
            rate = self.sample_rate or codec.sample_rate
            first = max(0, int((self.start - BEFORE) * header.frame_rate))
            last = None if self.end is None else math.ceil((self.end + AFTER) * header.frame_rate)
            file.seek(0)
            found = read_range(file, first, last, job.source, self.codecs.coders)
            events = self._spoken_by(_moved(found, first, header))
            audio = np.concatenate(list(speak(codec, events, header, rate, self.mode)))
        offset = first / header.frame_rate
        stop = None if self.end is None else round((self.end - offset) * rate)
        audio = audio[round((self.start - offset) * rate) : stop]
        if not len(audio):
            raise SecoustiError(f"{job.source} ends before {self.start} s")
        write_audio(job.target, [audio], rate, self.raw)
        return Result(job, len(audio) / rate, round(len(audio) / rate * header.frame_rate))


def _forgiving(
    portions: Iterable[NDArray[np.float32]], notes: list[str]
) -> Iterator[NDArray[np.float32]]:
    """All that is whole of a stream; what is wrong with the rest goes into ``notes``."""
    try:
        yield from portions
    except TruncatedError as error:
        notes.append(str(error))


def _moved(events: Iterable[Event], first: int, header: Header) -> Iterator[Event]:
    """The same, as if the recording began at frame ``first``."""
    for event in events:
        if isinstance(event, End):
            yield End(event.frames - first, event.num_samples - first * header.frame_size, 0)
        else:
            yield replace(event, start=max(event.start - first, 0))
