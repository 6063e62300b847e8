"""Reading and writing ``.sct`` files through the C code, in the words of the Python package."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti import container
from secousti.container.events import End, Tokens, Voice
from secousti.entropy import LearnedCoder
from tests.native import library as c

ERRORS = {
    c.CUT_SHORT: container.TruncatedError,
    c.DAMAGED: container.CorruptedError,
    c.NEWER: container.UnsupportedError,
    c.REFUSED: container.ContainerError,
}


class Held:
    """A coder as the C code takes it, with what its pointers point to."""

    def __init__(self, library: ctypes.CDLL, coder: LearnedCoder, tensors: dict[str, Any]) -> None:
        self._kept: list[Any] = []
        self.struct = c.Coder()
        self.struct.hash[:] = bytes.fromhex(coder.token_hash or "00000000")
        if coder.network is not None:
            self.network = self._network(coder, tensors)
            assert library.sct_network_sound(ctypes.byref(self.network))
            self.struct.network = ctypes.pointer(self.network)
        if coder.voice is not None:
            self.voice = self._voice(tensors)
            assert library.sct_voice_code_sound(ctypes.byref(self.voice))
            self.struct.voice = ctypes.pointer(self.voice)

    def _keep(self, array: NDArray) -> int:
        self._kept.append(np.ascontiguousarray(array))
        return self._kept[-1].ctypes.data

    def _network(self, coder: LearnedCoder, tensors: dict[str, Any]) -> c.Network:
        network, made = coder.network, c.Network()
        assert network is not None
        made.num_groups = len(network.groups)
        made.groups[: made.num_groups] = network.groups
        made.lags, made.hidden = network.lags, network.hidden
        made.mix = len(tensors["tokens.head.0"])
        for name in ("embed", "bias", "candidate", "recurrent", "sigmoid", "tanh", "exp"):
            setattr(made, name, self._keep(tensors[f"tokens.{name}"]))
        for i in range(made.num_groups):
            for name in ("head", "head_bias", "given", "out", "out_bias"):
                if i or name != "given":
                    value = self._keep(tensors[f"tokens.{name}.{i}"])
                    setattr(made.heads[i], name, value)
        return made

    def _voice(self, tensors: dict[str, Any]) -> c.VoiceCode:
        made = c.VoiceCode(size=len(tensors["voice.mean"]))
        for name in ("mean", "reach", "basis", "analysis", "bits"):
            setattr(made, name, self._keep(tensors[f"voice.{name}"]))
        return made


def source(data: bytes, portion: int = 1 << 30) -> c.Source:
    """``data``, at most ``portion`` bytes at a time, as pipes give them."""
    left = [data]

    def read(_: Any, out: int, size: int) -> int:
        size = min(size, portion, len(left[0]))
        ctypes.memmove(out, left[0], size)
        left[0] = left[0][size:]
        return size

    return c.Source(c.READ(read), None)


def sink(out: bytearray) -> c.Sink:
    """Gathers what is written."""

    def write(_: Any, data: int, size: int) -> bool:
        out.extend(ctypes.string_at(data, size))
        return True

    return c.Sink(c.WRITE(write), None)


@dataclass
class Found:
    """What the C reader made of a file; ``error``: why it stopped."""

    header: dict[str, Any] | None
    events: list[Any]
    bits: dict[str, int]
    error: Exception | None


def read(
    library: ctypes.CDLL,
    data: bytes,
    coder: Held | None = None,
    portion: int = 1 << 30,
    seconds: float | None = None,
    before: bytes | None = None,
) -> Found:
    """All events of a file; ``before``: read this first, and join its stream with ``data``."""
    given = source(data if before is None else before, portion)
    reader = ctypes.c_void_p()
    library.sct_reader_open(given, ctypes.byref(reader))
    try:
        if coder is not None:
            library.sct_reader_use(reader, ctypes.byref(coder.struct))
        if seconds is not None:
            library.sct_reader_most(reader, seconds)
        if before is not None:
            given = source(data, portion)
            assert library.sct_reader_join(reader, given) == c.SOUND
        return _all(library, reader)
    finally:
        library.sct_reader_close(reader)


def _all(library: ctypes.CDLL, reader: ctypes.c_void_p) -> Found:
    event, events = c.Event(), []
    header = library.sct_reader_header(reader).contents
    told = None
    if library.sct_reader_fault(reader).contents.verdict == c.SOUND:
        told = _told(library, reader, header)
    while library.sct_reader_next(reader, ctypes.byref(event)) == c.SOUND and event.kind != c.OVER:
        events.append(_event(event, header.num_codebooks))
    fault = library.sct_reader_fault(reader).contents
    error = None
    if fault.verdict != c.SOUND:
        error = ERRORS[fault.verdict](fault.says.decode())
    bits = library.sct_reader_bits(reader)
    counted = {"tokens": bits.tokens, "side_information": bits.voice, "container": bits.container}
    return Found(told, events, counted, error)


def _told(library: ctypes.CDLL, reader: ctypes.c_void_p, header: c.Header) -> dict[str, Any]:
    size = ctypes.c_size_t()
    text = library.sct_reader_json(reader, ctypes.byref(size))
    hashes = {"token_hash": (4, 8), "voice_hash": (2, 8)}
    told = {
        name: bytes(getattr(header, name))[: sizes[not header.whole]].hex()
        for name, sizes in hashes.items()
    }
    bound = header.payload == c.LEARNED and not header.whole
    if not header.voice_size:
        told["voice_hash"] = ""
    named = ("sample_rate", "frame_size", "codebook_size", "num_codebooks", "voice_form")
    return {
        **{name: getattr(header, name) for name in named},
        **told,
        "coder_hash": bytes(header.coder_hash).hex() if bound else "",
        "levels": list(header.levels[: header.num_levels]),
        "payload": container.header.PAYLOADS[header.payload],
        "paralinguistic": header.voice_size,
        "source_sample_rate": header.source_sample_rate or None,
        "num_samples": None if header.num_samples < 0 else header.num_samples,
        "extra": json.loads(ctypes.string_at(text, size.value)) if size.value else {},
    }


def _event(event: c.Event, books: int) -> Any:
    if event.kind == c.VOICE:
        codes = np.array(event.voice[: event.voice_size], np.int8)
        return Voice(event.start, codes, 8 * event.stored_bytes)
    if event.kind == c.TOKENS:
        flat = np.array(event.tokens[: event.frames * books], np.int64)
        return Tokens(event.start, flat.reshape(-1, books).T, 8 * event.stored_bytes)
    return End(event.start, event.num_samples, event.source_num_samples)


def c_header(header: container.Header) -> c.Header:
    """A header of the Python package for the C writer."""
    made = c.Header()
    for name in ("sample_rate", "frame_size", "codebook_size", "num_codebooks", "voice_form"):
        setattr(made, name, getattr(header, name))
    made.num_levels = len(header.levels)
    made.levels[: made.num_levels] = header.levels
    made.voice_size = header.paralinguistic
    made.source_sample_rate = header.source_sample_rate or 0
    made.num_samples = -1 if header.num_samples is None else header.num_samples
    made.payload = container.header.PAYLOADS.index(header.payload)
    for name in ("token_hash", "voice_hash"):
        value = bytes.fromhex(getattr(header, name))
        getattr(made, name)[: len(value)] = value
    return made


def write(
    library: ctypes.CDLL,
    header: container.Header,
    parts: Sequence[Any],
    run_frames: int = 0,
    coder: Held | None = None,
) -> bytes:
    """A file of ``parts``: voices (int8), tokens ([K, L]), "flush", and last the end (a pair)."""
    out, writer = bytearray(), ctypes.c_void_p()
    text = json.dumps(header.extra, ensure_ascii=False, separators=(",", ":")).encode()
    into = sink(out)
    library.sct_writer_open(
        into,
        ctypes.byref(c_header(header)),
        ctypes.byref(coder.struct) if coder else None,
        text if header.extra else None,
        run_frames,
        ctypes.byref(writer),
    )
    for part in parts:
        _put(library, writer, part)
    fault = library.sct_writer_fault(writer).contents
    error = ERRORS[fault.verdict](fault.says.decode()) if fault.verdict else None
    bits = library.sct_writer_bits(writer)
    library.sct_writer_close(writer)
    if error is not None:
        raise error
    assert bits.tokens + bits.voice + bits.container == 8 * len(out)
    return bytes(out)


def _put(library: ctypes.CDLL, writer: ctypes.c_void_p, part: Any) -> None:
    if isinstance(part, str):
        library.sct_writer_flush(writer)
    elif isinstance(part, tuple):
        library.sct_writer_finish(writer, *part)
    elif part.dtype == np.int8:
        library.sct_writer_voice(writer, part.ctypes.data_as(ctypes.c_void_p))
    else:
        flat = np.ascontiguousarray(np.atleast_2d(part).T, np.uint32)
        library.sct_writer_tokens(writer, flat.ctypes.data, len(flat))
