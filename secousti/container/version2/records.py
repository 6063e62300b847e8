"""Records of a stream as they are written, each bound to all that came before it."""

from __future__ import annotations

import binascii
import zlib

import numpy as np
from numpy.typing import NDArray

from secousti.container.accounting import Accounting
from secousti.container.coders import Coder
from secousti.container.header import Header
from secousti.container.stream import Writable
from secousti.container.varint import encode_varint
from secousti.container.version2.runs import RunCodec, store_voice
from secousti.container.version2.stream import (
    END,
    RUN,
    SAVINGS,
    SHORT,
    VOICE,
    header_bytes,
    start_of_chain,
    sync_record,
)


class RecordWriter:
    """Header at once, then records as they are given.

    Args:
        sync_frames: a place to begin is written before the first record that is so many frames
            after the last such place.
    """

    def __init__(
        self,
        file: Writable,
        header: Header,
        coder: Coder | None,
        run_frames: int,
        sync_frames: int,
        extra: bytes,
    ) -> None:
        self.header = header
        self.bits = Accounting()
        self.frames = 0
        self._file = file
        self._coder = coder
        self._runs = RunCodec(header, coder)
        self._run_frames, self._sync_frames = run_frames, sync_frames
        self._synced = 0  # the frame of the last place to begin
        self._voices = 0
        self._crc32 = 0
        start = header_bytes(header, run_frames, extra)
        self._put(start)
        self._crc32 = int.from_bytes(start[-4:], "little")
        self._crc16 = start_of_chain(self._crc32)

    def voice(self, codes: NDArray[np.int8]) -> None:
        """The voice of all frames from here on."""
        self._sync_if_due()
        data = store_voice(self.header, self._coder, codes, self._voices)
        self._voices += 1
        body = bytes([VOICE]) + encode_varint(len(data)) + data
        self._chained(body, side_information=8 * len(data))

    def run(self, codes: NDArray[np.int64]) -> None:
        """Tokens [num_codebooks, L] that follow."""
        self._sync_if_due()
        frames = codes.shape[1]
        data = self._runs.store(codes)
        saved = self._runs.size(frames) - len(data)
        less = self._run_frames - frames
        if less in (0, 1) and saved < SAVINGS:
            head = bytes([SHORT + SAVINGS * less + saved])
        else:
            head = bytes([RUN]) + encode_varint(frames) + encode_varint(saved)
        self._chained(head + data, tokens=8 * len(data))
        self.frames += frames

    def end(self, num_samples: int, source_num_samples: int) -> None:
        """The last record."""
        missing = self.frames * self.header.frame_size - num_samples
        body = bytes([END]) + encode_varint(missing) + encode_varint(source_num_samples)
        crc = zlib.crc32(body, self._crc32)
        self._put(body + crc.to_bytes(4, "little"))

    def _sync_if_due(self) -> None:
        if self.frames - self._synced < self._sync_frames:
            return
        record = sync_record(self.frames, self._crc32)
        self._put(record)
        self._crc16 = int.from_bytes(record[-2:], "little")
        self._synced = self.frames
        self._runs.restart()

    def _chained(self, body: bytes, tokens: int = 0, side_information: int = 0) -> None:
        self._crc16 = binascii.crc_hqx(body, self._crc16)
        data = body + self._crc16.to_bytes(2, "little")
        self._put(data, tokens, side_information)

    def _put(self, data: bytes, tokens: int = 0, side_information: int = 0) -> None:
        self._crc32 = zlib.crc32(data, self._crc32)
        self._file.write(data)
        self.bits.add(len(data), tokens, side_information)
