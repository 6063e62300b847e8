"""Writing a file or a pipe."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secousti.container.accounting import Accounting
from secousti.container.errors import ContainerError
from secousti.container.events import (
    MAX_RUN,
    End,
    Event,
    Tokens,
    Voice,
    end_record,
    tokens_record,
    voice_record,
)
from secousti.container.header import Header
from secousti.container.stream import Writable

# A record costs about ten bytes around its tokens, and a range-coded one learns anew: runs are
# long when nobody waits. A damaged record costs its run, so they are not endless.
RUN_FRAMES = {"packed": 1280, "entropy": 4096}


class Writer:
    """Write a ``.sct`` stream: the header at once, records as runs fill up or on ``flush``.

    A file is whole only after ``finish``; until then a reader calls it truncated.

    Args:
        file: any binary file object, also a pipe; it is not closed.
        run_frames: frames to gather for a record; by default many (see ``RUN_FRAMES``).
    """

    def __init__(self, file: Writable, header: Header, run_frames: int | None = None):
        self.file = file
        self.header = header
        self.bits = Accounting()
        most = MAX_RUN // header.num_codebooks
        self._run_frames = max(1, min(run_frames or RUN_FRAMES[header.payload], most))
        self._written = 0  # frames in records
        self._pending: list[NDArray[np.int64]] = []
        self._put(header.to_bytes())

    @property
    def frames(self) -> int:
        """Frames given so far."""
        return self._written + sum(codes.shape[1] for codes in self._pending)

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
        if codes.shape != (self.header.paralinguistic,) or np.abs(codes.astype(int)).max() > 127:
            raise ContainerError(
                f"a voice is {self.header.paralinguistic} numbers in -127..127, "
                f"found shape {codes.shape}"
            )
        self._write_runs(partial=True)
        voice = Voice(self._written, codes.astype(np.int8))
        self._put(voice_record(voice), side_information=8 * len(codes))

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
        self._write_runs(partial=False)

    def flush(self) -> None:
        """Send everything given so far on its way."""
        self._write_runs(partial=True)
        self.file.flush()

    def finish(self, num_samples: int, source_num_samples: int = 0) -> None:
        """The end record: samples at the codec's rate, and of the source if known.

        Raises:
            ContainerError: more samples than the frames can make, or not the header's number.
        """
        if num_samples > self.frames * self.header.frame_size:
            raise ContainerError(f"{self.frames} frames cannot make {num_samples} samples")
        if self.header.num_samples not in (None, num_samples):
            raise ContainerError(
                f"the header promised {self.header.num_samples} samples, not {num_samples}"
            )
        self._write_runs(partial=True)
        self._put(end_record(End(self._written, num_samples, source_num_samples)))
        self.file.flush()

    def _write_runs(self, partial: bool) -> None:
        codes = np.concatenate([np.zeros((self.header.num_codebooks, 0), int), *self._pending], 1)
        size = self._run_frames
        stop = codes.shape[1] if partial else codes.shape[1] // size * size
        for start in range(0, stop, size):
            self._write_run(codes[:, start : min(start + size, stop)])
        self._pending = [codes[:, stop:]] if stop < codes.shape[1] else []

    def _write_run(self, codes: NDArray[np.int64]) -> None:
        record, stored_bits = tokens_record(self._written, codes, self.header)
        self._written += codes.shape[1]
        self._put(record, tokens=stored_bits)

    def _put(self, data: bytes, tokens: int = 0, side_information: int = 0) -> None:
        self.file.write(data)
        self.bits.add(len(data), tokens, side_information)
