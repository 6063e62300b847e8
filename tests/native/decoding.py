"""The whole C codec as a library, and its decoder (``sct.h``) through ``ctypes``."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.native import library
from tests.native.encoding import Refused

SOURCES = sorted(p for p in library.SOURCE.glob("*.c") if p.name != "native.c")
CODEC = "fault checksum weights model decoder meldecoder upsample refiner transformer parts wide "
CODEC += "wide_conv vocoder backbone spectra pitch pulses fourier magnitudes narrow p2psyn_decoder "
CODEC += "convnext conformer pseudo encoder logmel resample seanet fsq speaker p2psyn_encoder"
DRIVER = Path(__file__).with_name("decode.c")
FLAGS = ("-O3", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi", "-shared", "-fPIC")


def build(target: Path, *flags: str) -> Path:
    """Compile everything that libsct.a holds."""
    return library.build(target, *flags, sources=SOURCES, libraries=("-lm",))


def program(target: Path, *flags: str) -> Path:
    """Compile ``decode.c`` with all that encodes and decodes."""
    sources = [DRIVER, *(library.SOURCE / f"{name}.c" for name in CODEC.split())]
    return library.build(target, "-Wno-psabi", *flags, sources=sources, libraries=("-lm",))


def of_page(name: str, folder: Path) -> Path:
    """The program of docs/embed.md with this name, built in ``folder`` as its reader would."""
    page = (library.SOURCE.parents[1] / "docs" / "embed.md").read_text(encoding="utf-8")
    found = re.search(
        rf"<!-- compiled: {name} -->\n```c\n(.*?)^```", page, re.DOTALL | re.MULTILINE
    )
    assert found is not None
    (folder / "program.c").write_text(found[1], encoding="utf-8")
    code = shutil.copytree(
        library.SOURCE, folder / "native", ignore=shutil.ignore_patterns("*.[oa]")
    )
    cc = library.compiler()
    subprocess.run(["make", "-s", "-C", code, f"CC={cc}", "libsct.a"], check=True)
    command = [cc, "-std=c11", "-Inative", "program.c", "native/libsct.a", "-lm", "-o", "program"]
    subprocess.run(command, check=True, cwd=folder)
    return folder / "program"


class Facts(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("sample_rate", "frame_size", "codebook_size")),
        *((name, ctypes.c_uint32) for name in ("num_codebooks", "voice_size", "num_levels")),
        ("levels", ctypes.c_uint32 * 64),
        *((name, ctypes.c_uint32) for name in ("delay", "profile")),
        ("token_hash", ctypes.c_uint8 * 8),
        ("voice_hash", ctypes.c_uint8 * 8),
    ]


class Model:
    """Weights of a file.

    Raises:
        Refused: as ``sct_model_open``.
    """

    def __init__(self, path: Path, weights: Path) -> None:
        self.lib = ctypes.CDLL(str(path))
        self.lib.sct_model_about.restype = ctypes.POINTER(Facts)
        self.handle = ctypes.c_void_p()
        call(self.lib.sct_model_open, str(weights).encode(), ctypes.byref(self.handle))
        self.facts = self.lib.sct_model_about(self.handle).contents

    def __del__(self) -> None:
        self.lib.sct_model_close(self.handle)


class Decoder:
    """A stream in ``voice`` float32 [V]."""

    def __init__(self, model: Model, voice: NDArray[np.float32] | None = None) -> None:
        self.model, self.lib, self.handle = model, model.lib, ctypes.c_void_p()
        given = None if voice is None else pointer(voice)
        call(self.lib.sct_decoder_new, model.handle, given, ctypes.byref(self.handle))

    def __del__(self) -> None:
        self.lib.sct_decoder_free(self.handle)

    def voice(self, voice: NDArray[np.float32]) -> None:
        """Another one from here on."""
        call(self.lib.sct_decoder_voice, self.handle, pointer(voice))

    def push(self, tokens: NDArray[Any]) -> NDArray[np.float32]:
        """[N] -> the samples that they make final."""
        given = np.ascontiguousarray(tokens, np.uint32)
        room = len(given) * self.model.facts.frame_size
        return self._samples(room, "push", pointer(given), ctypes.c_size_t(len(given)))

    def flush(self) -> NDArray[np.float32]:
        """The end."""
        return self._samples(self.model.facts.delay, "flush")

    def decode(self, pieces: Iterable[NDArray[Any]]) -> NDArray[np.float32]:
        """All of a stream."""
        return np.concatenate([*(self.push(piece) for piece in pieces), self.flush()])

    def _samples(self, room: int, name: str, *given: Any) -> NDArray[np.float32]:
        samples, size = np.full(room + 1, 7, np.float32), ctypes.c_size_t()
        function = getattr(self.lib, f"sct_decoder_{name}")
        call(function, self.handle, *given, pointer(samples), ctypes.byref(size))
        assert size.value <= room
        assert (samples[size.value :] == 7).all()  # nothing is written beyond
        return samples[: size.value]


def pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


def call(function: Any, *arguments: Any) -> None:
    """A function that gives a verdict.

    Raises:
        Refused: it is not SCT_SOUND.
    """
    fault = library.Fault()
    verdict = function(*arguments, ctypes.byref(fault))
    assert verdict == fault.verdict
    if verdict != library.SOUND:
        assert fault.says
        raise Refused(fault)
