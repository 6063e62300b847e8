"""The C code compiled in every way this machine can: compilers, levels, options, sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from secousti.onecore import build

REPOSITORY = Path(__file__).parents[2]
OPTIMISED = ("-O0", "-O1", "-O2", "-O3")
_SANITIZE = (
    *("-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all"),
    "-fsanitize=address,undefined,float-cast-overflow",
)


def compilers() -> list[str]:
    """Those that are installed."""
    return [name for name in ("gcc", "clang") if shutil.which(name)]


def options(compiler: str) -> dict[str, tuple[str, ...]]:
    """Names and flags of all builds that this processor can run."""
    rest = build.FLAGS[1:]
    found: dict[str, tuple[str, ...]] = {
        f"{compiler} {level}": (level, *rest) for level in OPTIMISED
    }
    for level in build.levels():
        found[f"{compiler} -O3 {level.name}"] = ("-O3", *rest, *level.flags)
    return found


def made(folder: Path, compiler: str) -> dict[str, Path]:
    """All builds of one compiler."""
    libraries = {}
    for number, (name, flags) in enumerate(options(compiler).items()):
        libraries[name] = folder / f"{compiler}-{number}.so"
        build.compile_to(libraries[name], [compiler], flags)
    return libraries


def sanitized(folder: Path, compiler: str) -> tuple[Path, Path] | None:
    """A build that ends the process at the first fault, and what to load before it, if there is."""
    runtime = {"gcc": "libasan.so", "clang": "libclang_rt.asan-x86_64.so"}[compiler]
    command = [compiler, f"-print-file-name={runtime}"]
    found = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    if not found.is_absolute():
        return None
    library = folder / f"{compiler}-sanitized.so"
    shared = ("-shared-libasan",) if compiler == "clang" else ()
    build.compile_to(library, [compiler], (*_SANITIZE, *shared, *build.FLAGS[1:]))
    return library, found


def driven(library: Path, runtime: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``tests.onecore.driver`` under a sanitizer."""

    environment = {
        **os.environ,
        "LD_PRELOAD": f"{runtime} libstdc++.so.6",  # torch throws: it must find the real one
        "ASAN_OPTIONS": "detect_leaks=0",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "tests.onecore.driver", str(library), *arguments]
    return subprocess.run(
        command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, errors="replace"
    )
