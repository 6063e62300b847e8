"""Writing a file or a pipe, in version 2 of the format."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from secousti.container.accounting import Accounting
from secousti.container.coders import Coder
from secousti.container.errors import ContainerError
from secousti.container.events import MAX_RUN, End, Event, Tokens, Voice
from secousti.container.header import LEARNED, PACKED, Header
from secousti.container.stream import Writable
from secousti.container.version2.records import RecordWriter
from secousti.container.version2.stream import MAX_SKIP
from secousti.container.version2.whole import fits, whole_file

# A record costs a few bytes around its tokens, and an adaptive model learns anew in each: runs
# are long when nobody waits. A damaged record costs its run, so they are not endless.
RUN_FRAMES = 4096
SYNC_SECONDS = 30.0  # between places where a reader may begin


class Writer:
    """Write a ``.sct`` file: one run where all of it is known at the end, else a stream.

    Nothing is written before ``flush``, ``finish`` or a full run. A file is whole only after
    ``finish``; until then a reader calls it truncated.

    Args:
        file: any binary file object, also a pipe; it is not closed.
        run_frames: frames of a usual record, gathered unless ``flush`` comes before.
        coder: what ``header`` names as its learned coder or its code for voices.
    """

    def __init__(
        self,
        file: Writable,
        header: Header,
        run_frames: int | None = None,
        coder: Coder | None = None,
    ):
        self.file = file
        self.header = _checked(header, coder)
        most = MAX_RUN // header.num_codebooks
        self._run_frames = max(1, min(run_frames or RUN_FRAMES, most))
        self._coder = coder
        self._stream: RecordWriter | None = None
        self._voice: NDArray[np.int8] | None = None  # held until it is known what follows
        self._pending: list[NDArray[np.int64]] = []
        self._extra = _to_json(header)
        self._whole = Accounting()

    @property
    def bits(self) -> Accounting:
        """Where the bits written so far went."""
        return self._whole if self._stream is None else self._stream.bits

    @property
    def frames(self) -> int:
        """Frames given so far."""
        written = 0 if self._stream is None else self._stream.frames
        return written + sum(codes.shape[1] for codes in self._pending)

    def put(self, event: Event) -> None:
        """Write what a reader returned."""
        if isinstance(event, Voice):
            self.write_voice(event.codes)
        elif isinstance(event, Tokens):
            self.write(event.codes)
        else:
            self.finish(event.num_samples, event.source_num_samples)

    def write_voice(self, codes: NDArray[np.int8]) -> None:
        """The paralinguistic vector [N] (value * 127, rounded) of all frames from here on.

        Raises:
            ContainerError: not as many numbers as the header says, or one outside -127..127.
        """
        codes = np.asarray(codes)
        size = self.header.paralinguistic
        if size == 0 or codes.shape != (size,) or np.abs(codes.astype(int)).max() > 127:
            raise ContainerError(
                f"a voice is {size} numbers in -127..127, found shape {codes.shape}"
            )
        if self._stream is None and self._voice is None and not self._pending:
            self._voice = codes.astype(np.int8)
            return
        self._write_runs(partial=True)
        self._begun().voice(codes.astype(np.int8))

    def write(self, codes: NDArray[np.int64]) -> None:
        """Tokens [L] or [num_codebooks, L] that follow.

        Raises:
            ContainerError: another number of codebooks, or a token outside the codebook.
        """
        codes = np.atleast_2d(np.asarray(codes, np.int64))
        if codes.ndim != 2 or codes.shape[0] != self.header.num_codebooks:
            raise ContainerError(
                f"tokens must be [{self.header.num_codebooks}, L], found shape {codes.shape}"
            )
        if codes.size and not 0 <= codes.min() <= codes.max() < self.header.codebook_size:
            raise ContainerError(
                f"tokens must lie in 0..{self.header.codebook_size - 1}, "
                f"found {codes.min()}..{codes.max()}"
            )
        self._pending.append(codes)
        if sum(codes.shape[1] for codes in self._pending) > self._run_frames:
            self._write_runs(partial=False)

    def flush(self) -> None:
        """Send everything given so far on its way."""
        self._begun()
        self._write_runs(partial=True)
        self.file.flush()

    def finish(self, num_samples: int, source_num_samples: int = 0) -> None:
        """The end: samples at the codec's rate, and of the source if known.

        Raises:
            ContainerError: more samples than the frames can make, or not the header's number.
        """
        if num_samples > self.frames * self.header.frame_size:
            raise ContainerError(f"{self.frames} frames cannot make {num_samples} samples")
        if self.header.num_samples not in (None, num_samples):
            raise ContainerError(
                f"the header promised {self.header.num_samples} samples, not {num_samples}"
            )
        end = End(self.frames, num_samples, source_num_samples)
        if self._stream is None and self._extra == b"" and fits(self.header, end):
            self._write_whole(end)
        else:
            self._write_runs(partial=True)
            self._begun().end(num_samples, source_num_samples)
        self.file.flush()

    def _write_whole(self, end: End) -> None:
        codes = self._gathered()
        data, tokens, voice = whole_file(self.header, self._coder, self._voice, codes, end)
        self.file.write(data)
        self._whole.add(len(data), 8 * tokens, 8 * voice)

    def _begun(self) -> RecordWriter:
        """The stream that a file becomes when it is not held any longer."""
        if self._stream is None:
            sync = max(self._run_frames, round(SYNC_SECONDS * self.header.frame_rate))
            arguments = (self._coder, self._run_frames, sync, self._extra)
            self._stream = RecordWriter(self.file, self.header, *arguments)
            if self._voice is not None:
                self._stream.voice(self._voice)
        return self._stream

    def _gathered(self) -> NDArray[np.int64]:
        empty = np.zeros((self.header.num_codebooks, 0), np.int64)
        return np.concatenate([empty, *self._pending], 1)

    def _write_runs(self, partial: bool) -> None:
        codes = self._gathered()
        size = self._run_frames
        stop = codes.shape[1] if partial else codes.shape[1] // size * size
        for start in range(0, stop, size):
            self._begun().run(codes[:, start : min(start + size, stop)])
        self._pending = [codes[:, stop:]] if stop < codes.shape[1] else []


def _checked(header: Header, coder: Coder | None) -> Header:
    """The header with the hash of its coder."""
    if header.token_hash == "":
        raise ContainerError("a file needs the token hash of the codec that made it")
    if header.payload == LEARNED:
        if coder is None or not coder.token_hash:
            raise ContainerError(
                "the model has no learned entropy coder: choose adaptive or packed"
            )
        header = replace(header, coder_hash=coder.token_hash)
    if header.voice_form and (coder is None or not coder.codes_voices):
        raise ContainerError("the model has no code for voices")
    if header.payload == PACKED:
        header = replace(header, coder_hash="")
    return replace(header, model="", weights="")


def _to_json(header: Header) -> bytes:
    if not header.extra:
        return b""
    try:
        text = json.dumps(
            dict(header.extra), ensure_ascii=False, separators=(",", ":"), allow_nan=False
        )
        body = text.encode("utf-8")
    except (TypeError, ValueError) as error:
        raise ContainerError(f"the header's extra fields are not JSON: {error}") from error
    if len(body) > MAX_SKIP:
        raise ContainerError(f"the header's extra fields are {len(body)} bytes; {MAX_SKIP} fit")
    return body
