"""The C encoder (``encoder.h``) through ``ctypes``."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.native import library

NAMES = "fault checksum weights wide wide_conv fourier transformer logmel resample seanet fsq "
NAMES += "speaker encoder parts convnext p2psyn_encoder"
SOURCES = [library.SOURCE / f"{name}.c" for name in NAMES.split()]


class Refused(Exception):
    """A status other than ``SCT_SOUND``, and its sentence."""

    def __init__(self, fault: library.Fault) -> None:
        super().__init__(fault.says.decode())
        self.verdict = fault.verdict


def build(target: Path, sources: list[Path] = SOURCES) -> ctypes.CDLL:
    """Compile the encoder into a shared library."""
    flags = ("-O3", "-shared", "-fPIC")
    built = library.build(target, *flags, sources=sources, libraries=("-lm",))
    return declared(ctypes.CDLL(str(built)))


def declared(lib: ctypes.CDLL) -> ctypes.CDLL:
    """A library with the types of the encoder's functions."""
    lib.sct_encoder_room.restype = lib.sct_encoder_voice_size.restype = ctypes.c_size_t
    lib.sct_encoder_samples.restype = ctypes.c_int64
    lib.sct_encoder_close.restype = lib.sct_weights_close.restype = None
    lib.sct_encoder_expect.restype = lib.sct_encoder_restart.restype = None
    return lib


class Encoder:
    """One stream at ``rate`` Hz by the weights of a file."""

    def __init__(self, lib: ctypes.CDLL, weights: Path, rate: int) -> None:
        self.lib, self._fault = lib, library.Fault()
        self._weights, self._encoder = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("sct_weights_open", str(weights).encode(), ctypes.byref(self._weights))
        found = ctypes.byref(self._encoder)
        self._call("sct_encoder_open", self._weights, ctypes.c_uint32(rate), found)

    def __del__(self) -> None:
        self.lib.sct_encoder_close(self._encoder)
        self.lib.sct_weights_close(self._weights)

    def _call(self, name: str, *arguments: Any) -> None:
        verdict = getattr(self.lib, name)(*arguments, ctypes.byref(self._fault))
        assert verdict == self._fault.verdict
        if verdict != library.SOUND:
            raise Refused(self._fault)

    def push(self, samples: NDArray[Any]) -> NDArray[np.int64]:
        """float32 or int16 [N] -> the tokens that they complete."""
        samples = np.ascontiguousarray(samples)
        name = {"float32": "sct_encoder_push", "int16": "sct_encoder_push16"}[str(samples.dtype)]
        given = samples.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(samples))
        return self._tokens(name, len(samples), *given)

    def flush(self) -> NDArray[np.int64]:
        """The tokens still owed."""
        return self._tokens("sct_encoder_flush", 0)

    def _tokens(self, name: str, count: int, *given: Any) -> NDArray[np.int64]:
        room = self.lib.sct_encoder_room(self._encoder, ctypes.c_size_t(count))
        tokens, made = np.zeros(room, np.uint32), ctypes.c_size_t()
        out = tokens.ctypes.data_as(ctypes.c_void_p)
        self._call(name, self._encoder, *given, out, ctypes.byref(made))
        assert made.value <= room
        return tokens[: made.value].astype(np.int64)

    def encode(self, chunks: Iterable[NDArray[Any]]) -> NDArray[np.int64]:
        """All tokens of a recording in chunks."""
        return np.concatenate([*(self.push(chunk) for chunk in chunks), self.flush()])

    def expect(self, num_samples: int) -> None:
        """So many samples will come."""
        self.lib.sct_encoder_expect(self._encoder, ctypes.c_int64(num_samples))

    def restart(self) -> None:
        """A new stream."""
        self.lib.sct_encoder_restart(self._encoder)

    @property
    def samples(self) -> int:
        """So far, at the codec's rate."""
        return int(self.lib.sct_encoder_samples(self._encoder))

    def voice(self) -> NDArray[np.int8]:
        """Who speaks, value * 127."""
        voice = np.zeros(self.lib.sct_encoder_voice_size(self._encoder), np.int8)
        self._call("sct_encoder_voice", self._encoder, voice.ctypes.data_as(ctypes.c_void_p))
        return voice
