"""``native/native.c`` as a library that this processor can run, compiled once.

What a library may contain is chosen by name (``LEVELS``), never "whatever this machine has": a
cache that several machines share, such as a home folder on a network, holds one library for each
level, and a processor is only given one whose every instruction it knows. All levels compute the
same bits (see ``lanes.h``), so which one runs is a matter of speed alone.
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import logging
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from secousti.atomic import replacing
from secousti.errors import SecoustiError

FOLDER = Path(__file__).parent.parent / "native"
SOURCE = FOLDER / "native.c"
CPUINFO = Path("/proc/cpuinfo")
SWITCH = "SECOUSTI_NATIVE"  # 0 in the environment: do without
# Without contraction and reordering of sums every compiler gives equal bits (see lanes.h).
FLAGS = ("-O3", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi", "-fPIC", "-shared")
# In which order instructions come, not which: some compilers know nothing of this machine.
_TUNINGS = (("-mtune=native",), ())
_SECONDS = 120.0  # for the compiler

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Level:
    """Instructions beyond the least that every processor of an architecture has."""

    name: str
    needs: tuple[str, ...] = ()  # as ``torch.cpu.get_capabilities`` names them
    flags: tuple[str, ...] = ()


_AVX2 = ("avx2",), ("-mavx2",)
_AVX512 = (
    (*_AVX2[0], "avx512_f", "avx512_bw", "avx512_dq", "avx512_vl"),
    (*_AVX2[1], "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"),
)
PORTABLE = Level("portable")
LEVELS: dict[str, tuple[Level, ...]] = {
    "x86_64": (
        Level("avx512vnni", (*_AVX512[0], "avx512_vnni"), (*_AVX512[1], "-mavx512vnni")),
        Level("avxvnni", (*_AVX2[0], "avx_vnni"), (*_AVX2[1], "-mavxvnni")),
        Level("avx512", *_AVX512),
        Level("avx2", *_AVX2),
    ),
    "aarch64": (
        Level("i8mm", ("neon", "dot", "i8mm"), ("-march=armv8.2-a+dotprod+i8mm",)),
        Level("dot", ("neon", "dot"), ("-march=armv8.2-a+dotprod",)),
    ),
}
# Where Linux has another name for an instruction set.
_LINUX = {
    **{f"avx512_{part}": f"avx512{part}" for part in ("f", "bw", "dq", "vl")},
    "neon": "asimd",
    "dot": "asimddp",
}
_SYNONYMS = {"amd64": "x86_64", "arm64": "aarch64"}


def levels() -> list[Level]:
    """Those this processor can run, the fastest first, the portable one last."""
    machine = platform.machine().lower()
    known = LEVELS.get(_SYNONYMS.get(machine, machine), ())
    has = instructions()
    return [*(level for level in known if has.issuperset(level.needs)), PORTABLE]


def instructions() -> set[str]:
    """What this processor knows; nothing where neither PyTorch nor Linux tells."""
    ask = getattr(torch.cpu, "get_capabilities", None)  # PyTorch 2.4 has none
    if ask is not None:
        return {name for name, value in ask().items() if value is True}
    try:
        lines = CPUINFO.read_text(encoding="utf-8").lower().splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    said = {w for line in lines if line.startswith(("flags", "features")) for w in line.split()}
    needed = {name for group in LEVELS.values() for level in group for name in level.needs}
    return {name for name in needed if _LINUX.get(name, name) in said}


def library() -> ctypes.CDLL | None:
    """The best library for this processor; ``None``, with one sentence logged, if there is none."""
    if os.environ.get(SWITCH) == "0":
        return None
    compiler = find_compiler()
    if compiler is None:
        _log.warning(
            "there is no C compiler (%s), so int8 runs through PyTorch, which is slower: install "
            "gcc or clang, or set %s=0 to run so without this line",
            os.environ.get("CC", "cc"),
            SWITCH,
        )
        return None
    reason: Exception | None = None
    for level, tuning in itertools.product(levels(), _TUNINGS):
        try:
            return _loaded(compiler, level.name, (*FLAGS, *level.flags, *tuning))
        except (OSError, subprocess.SubprocessError) as error:  # a compiler older than the level
            reason = error
    _log.warning("the C code for int8 does not compile, so PyTorch runs it: %s", _short(reason))
    return None


def find_compiler() -> list[str] | None:
    """The command of ``CC`` (default ``cc``), if there is such a program."""
    command = shlex.split(os.environ.get("CC") or "cc")
    program = shutil.which(command[0]) if command else None
    return None if program is None else [program, *command[1:]]


def compile_to(library: Path, compiler: list[str], flags: tuple[str, ...]) -> None:
    """Compile ``SOURCE`` with these flags alone.

    Raises:
        subprocess.SubprocessError: the compiler refuses, or takes too long.
    """
    command = [*compiler, *flags, str(SOURCE), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)


def _loaded(compiler: list[str], level: str, flags: tuple[str, ...]) -> ctypes.CDLL:
    name = f"native-{level}-{_key(compiler, flags)}.so"
    try:
        library = _cache() / name
        if not _whole(library):
            _make(library, compiler, flags)
        return ctypes.CDLL(str(library))
    except (OSError, RuntimeError, SecoustiError):  # no home, no room, no right to run code there
        with tempfile.TemporaryDirectory(prefix="secousti-") as private:
            _make(Path(private, name), compiler, flags)
            return ctypes.CDLL(str(Path(private, name)))


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "secousti"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _key(compiler: list[str], flags: tuple[str, ...]) -> str:
    """Of everything that decides what the library holds."""
    command = [*compiler, "--version"]
    version = subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS).stdout
    digest = hashlib.sha256(version)
    for path in sorted([SOURCE, *FOLDER.glob("*.h")]):
        digest.update(path.read_bytes())
    digest.update(repr((compiler, flags, platform.system(), platform.machine())).encode())
    return digest.hexdigest()[:16]


def _make(library: Path, compiler: list[str], flags: tuple[str, ...]) -> None:
    """The library, whole or not at all, and after it its checksum."""
    with replacing(library) as partial:
        compile_to(partial, compiler, flags)
        found = hashlib.sha256(partial.read_bytes()).hexdigest()
    with replacing(_checksum(library)) as partial:
        partial.write_text(found)


def _whole(library: Path) -> bool:
    """Whether it is there, as it was written: a damaged one would end the process, not raise."""
    try:
        expected = _checksum(library).read_text()
        return hashlib.sha256(library.read_bytes()).hexdigest() == expected
    except (OSError, UnicodeDecodeError):
        return False


def _checksum(library: Path) -> Path:
    return library.with_suffix(".sha256")


def _short(error: Exception | None) -> str:
    if isinstance(error, subprocess.CalledProcessError) and error.stderr:
        lines: list[str] = error.stderr.decode(errors="replace").strip().splitlines()
        return next((line for line in lines if "error" in line), lines[-1])
    return str(error)
