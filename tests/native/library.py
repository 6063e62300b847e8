"""The C code of ``secousti/native`` compiled for tests, and its types for ``ctypes``."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "secousti" / "native"
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror")
SANITIZE = ("-g", "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")
SOUND, CUT_SHORT, DAMAGED, NEWER, REFUSED, UNREADABLE, NO_MEMORY = range(7)
PACKED, ADAPTIVE, LEARNED = range(3)
VOICE, TOKENS, END, OVER = range(4)


def compiler() -> str:
    """A C compiler; the test is skipped where there is none."""
    found = shutil.which("gcc") or shutil.which("clang") or shutil.which("cc")
    if found is None:
        pytest.skip("there is no C compiler to build secousti/native with")
    return found


def parts() -> list[Path]:
    """The C files of the container, the coder and WAV."""
    names = "fault checksum cursor bits range_code adaptive coder network voice_code facts header "
    names += "json runs reader stream whole writer packet wav wav_format"
    return [SOURCE / f"{name}.c" for name in names.split()]


def build(
    target: Path,
    *flags: str,
    sources: list[Path] | None = None,
    libraries: tuple[str, ...] = (),
) -> Path:
    """Compile into ``target``; a warning is an error."""
    files = [*(str(path) for path in sources or parts()), *libraries]
    subprocess.run(
        [compiler(), *FLAGS, *flags, "-I", str(SOURCE), "-o", str(target), *files], check=True
    )
    return target


def program(target: Path, *flags: str) -> Path:
    """The command line ``sct``."""
    sources = [path for path in sorted(SOURCE.glob("*.c")) if path.name != "native.c"]
    sources += sorted((SOURCE / "program").glob("*.c"))
    exact = ("-O3", "-ffp-contract=off", "-fno-math-errno")
    return build(target, *exact, *flags, sources=sources, libraries=("-lm",))


class Fault(ctypes.Structure):
    _fields_ = [("verdict", ctypes.c_int), ("says", ctypes.c_char * 512)]


READ = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
WRITE = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class Source(ctypes.Structure):
    _fields_ = [("read", READ), ("self", ctypes.c_void_p)]


class Sink(ctypes.Structure):
    _fields_ = [("write", WRITE), ("self", ctypes.c_void_p)]


class Header(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("sample_rate", "frame_size")),
        *((name, ctypes.c_uint32) for name in ("codebook_size", "num_codebooks", "num_levels")),
        ("levels", ctypes.c_uint32 * 64),
        *((name, ctypes.c_uint32) for name in ("voice_size", "voice_form", "source_sample_rate")),
        ("num_samples", ctypes.c_int64),
        ("payload", ctypes.c_int),
        ("token_hash", ctypes.c_uint8 * 8),
        ("voice_hash", ctypes.c_uint8 * 8),
        ("coder_hash", ctypes.c_uint8 * 4),
        ("whole", ctypes.c_bool),
    ]


class Event(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_int),
        ("start", ctypes.c_int64),
        ("stored_bytes", ctypes.c_uint64),
        ("voice", ctypes.POINTER(ctypes.c_int8)),
        ("voice_size", ctypes.c_uint32),
        ("tokens", ctypes.POINTER(ctypes.c_uint32)),
        ("frames", ctypes.c_uint32),
        ("num_samples", ctypes.c_int64),
        ("source_num_samples", ctypes.c_int64),
    ]


class Bits(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("tokens", "voice", "container")]


class Head(ctypes.Structure):
    _fields_ = [(n, ctypes.c_void_p) for n in ("head", "head_bias", "given", "out", "out_bias")]


class Network(ctypes.Structure):
    _fields_ = [
        ("num_groups", ctypes.c_uint32),
        ("groups", ctypes.c_uint32 * 16),
        *((name, ctypes.c_uint32) for name in ("lags", "hidden", "mix")),
        *((name, ctypes.c_void_p) for name in ("embed", "bias", "candidate", "recurrent")),
        *((name, ctypes.c_void_p) for name in ("sigmoid", "tanh", "exp")),
        ("heads", Head * 16),
    ]


class VoiceCode(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32),
        *((name, ctypes.c_void_p) for name in ("mean", "reach", "basis", "analysis", "bits")),
    ]


class Coder(ctypes.Structure):
    _fields_ = [
        ("network", ctypes.POINTER(Network)),
        ("voice", ctypes.POINTER(VoiceCode)),
        ("hash", ctypes.c_uint8 * 4),
    ]


def load(path: Path) -> ctypes.CDLL:
    """The library with the types of what tests call."""
    library = ctypes.CDLL(str(path))
    pointer = ctypes.c_void_p
    library.sct_reader_header.restype = ctypes.POINTER(Header)
    library.sct_reader_fault.restype = library.sct_writer_fault.restype = ctypes.POINTER(Fault)
    library.sct_reader_bits.restype = library.sct_writer_bits.restype = Bits
    library.sct_reader_frames.restype = ctypes.c_int64
    library.sct_reader_json.restype = pointer
    library.sct_reader_most.argtypes = [pointer, ctypes.c_double]
    library.sct_writer_finish.argtypes = [pointer, ctypes.c_int64, ctypes.c_int64]
    library.sct_writer_tokens.argtypes = [pointer, pointer, ctypes.c_size_t]
    library.sct_packet_room.restype = ctypes.c_size_t
    library.sct_wav_fault.restype = ctypes.POINTER(Fault)
    library.sct_wav_frames.restype = ctypes.c_int64
    library.sct_wav_rate.restype = ctypes.c_uint32
    library.sct_json_object.restype = ctypes.c_bool
    return library
