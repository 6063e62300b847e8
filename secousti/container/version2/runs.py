"""Token runs and voices as version 2 stores them: packed, or shorter than that and coded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secousti.container.bits import pack, packed_size, unpack
from secousti.container.coders import Coder, TokenState
from secousti.container.entropy import compress, decompress
from secousti.container.errors import CorruptedError, UnsupportedError
from secousti.container.header import ADAPTIVE, LEARNED, PACKED, Header


class RunCodec:
    """Stores runs one after the other, or reads them; a learned coder carries its state.

    Args:
        coder: what ``header`` names, if it is at hand.
    """

    def __init__(self, header: Header, coder: Coder | None) -> None:
        self.header = header
        self.coder = coder
        self._state: TokenState | None = None
        self.restart()

    def restart(self) -> None:
        """A place where a reader may begin."""
        if self.coder is not None and self.header.payload == LEARNED:
            self._state = self.coder.start()

    def size(self, frames: int) -> int:
        """Bytes of a packed run; what is shorter is coded."""
        return packed_size(frames * self.header.num_codebooks, self.header.codebook_size)

    def store(self, codes: NDArray[np.int64]) -> bytes:
        """Tokens [num_codebooks, L] in the fewest bytes."""
        flat = codes.T.reshape(-1)
        data = pack(flat, self.header.codebook_size)
        coded = self._coded(flat)
        return coded if coded is not None and len(coded) < len(data) else data

    def read(self, data: bytes, frames: int) -> NDArray[np.int64]:
        """Tokens [num_codebooks, frames] of what ``store`` made of them.

        Raises:
            CorruptedError: bytes that it could not have made.
            UnsupportedError: a coder that is not at hand.
        """
        count = frames * self.header.num_codebooks
        if len(data) < self.size(frames):
            flat = self._decoded(data, count)
        else:
            flat = unpack(data, count, self.header.codebook_size)
            if self._state is not None:
                self._state.pass_over(flat)
        return flat.reshape(frames, -1).T

    def _coded(self, flat: NDArray[np.int64]) -> bytes | None:
        if self.header.payload == PACKED:
            return None
        if self.header.payload == ADAPTIVE:
            model, words = compress(flat, self.header.codebook_size, self.header.digits)
            return bytes([model]) + words
        assert self._state is not None
        return self._state.compress(flat)

    def _decoded(self, data: bytes, count: int) -> NDArray[np.int64]:
        header = self.header
        if header.payload == PACKED:
            raise CorruptedError("it is coded in a file that says it is not")
        if header.payload == ADAPTIVE:
            if not data:
                raise CorruptedError("its entropy model is missing")
            return decompress(data[0], data[1:], count, header.codebook_size, header.digits)
        if self._state is None:
            raise missing_coder(header)
        try:
            flat = self._state.decompress(data, count)
        except ValueError as error:
            raise CorruptedError(f"its range code is invalid ({error})") from error
        if (flat >= header.codebook_size).any():
            raise CorruptedError(f"its entropy coder is not for {header.codebook_size} tokens")
        return flat


def missing_coder(header: Header) -> UnsupportedError:
    """A file that needs a learned entropy coder which is not here."""
    named = f" {header.coder_hash}" if header.coder_hash else ""
    return UnsupportedError(
        f"its tokens are coded with the entropy coder{named} of a model with token hash "
        f"{header.token_hash}, which is not at hand: install it or name it with --model"
    )


def store_voice(
    header: Header, coder: Coder | None, codes: NDArray[np.int8], place: int | None
) -> bytes:
    """A voice [N] as bytes; the ``place``-th of its stream, ``None`` for the only one."""
    if header.voice_form == 0:
        return codes.tobytes()
    assert coder is not None
    return coder.encode_voice(codes, place)


def read_voice(header: Header, coder: Coder | None, data: bytes) -> NDArray[np.int8]:
    """Numbers [N] of a voice; none if its code is not at hand.

    Raises:
        CorruptedError: bytes that are no voice.
    """
    if header.paralinguistic == 0:
        raise CorruptedError("it is a voice in a file that says it has none")
    if header.voice_form == 0:
        codes = np.frombuffer(data, np.int8)
        if len(codes) != header.paralinguistic or (codes == -128).any():
            raise CorruptedError(f"it does not hold {header.paralinguistic} numbers in -127..127")
        return codes
    if coder is None or not coder.codes_voices:
        return np.zeros(0, np.int8)
    try:
        codes = coder.decode_voice(data)
    except ValueError as error:
        raise CorruptedError(f"its voice cannot be decoded ({error})") from error
    if len(codes) != header.paralinguistic:
        raise CorruptedError(
            f"its voice is {len(codes)} numbers, and the header says {header.paralinguistic}"
        )
    return codes
