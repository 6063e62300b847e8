"""What the fuzzer of the C code of files is built from and begins with."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from secousti.entropy import load_coder
from secousti.export.native import write_tensors
from tests.fuzzing.seeds import seeds
from tests.native import library

HERE = Path(__file__).parent
VECTORS = HERE.parent / "vectors"
PARTS = ("container", "joined", "packet", "wav", "json", "weights")
_UNSAFE = "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"


def sources() -> list[Path]:
    """The fuzzer, and all that it attacks."""
    native = [library.SOURCE / f"{name}.c" for name in ("brought", "weights")]
    return [HERE / "fuzz.c", *library.parts(), *native]


def alone(target: Path, trusting: bool, failing: bool = False) -> Path:
    """A program with its own generator; ``trusting``: every checksum is right.

    ``failing``: one allocation after the other fails. Skips where a compiler has no sanitizers.
    """
    flags = ["-DALONE", "-O1", *library.SANITIZE, *([_UNSAFE] if trusting else [])]
    if failing:
        flags += ["-D_POSIX_C_SOURCE=200809L", "-DFAILING", "-include", str(HERE / "failing.h")]
    if not has_sanitizers():
        pytest.skip("the C compiler has no sanitizers")
    return library.build(target, *flags, sources=sources())


def has_sanitizers() -> bool:
    """Whether the compiler links them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "x.c")
        file.write_text("int main(void) { return 0; }\n")
        command = [library.compiler(), *library.SANITIZE, str(file), "-o", f"{folder}/x"]
        return subprocess.run(command, capture_output=True).returncode == 0


def libfuzzer(target: Path, trusting: bool) -> Path | None:
    """The same for clang's libFuzzer; ``None`` without it."""
    if shutil.which("clang") is None:
        return None
    flags = ["-std=c11", "-O1", *library.SANITIZE, "-fsanitize=fuzzer"]
    flags += [_UNSAFE] if trusting else []
    command = ["clang", *flags, "-o", str(target), *map(str, sources())]
    return target if subprocess.run(command, capture_output=True).returncode == 0 else None


def write_coder(path: Path) -> Path:
    """The facts and the coder that the vectors are of, as a file of weights."""
    coder = load_coder(VECTORS / "v2" / "coder.safetensors")
    tensors = load_file(VECTORS / "v2" / "coder.safetensors")
    assert coder.network is not None
    numbers = {"sample_rate": 22050, "frame_size": 1024, "codebook_size": 6561}
    numbers |= {"num_codebooks": 1, "voice_size": 64}
    made = {f"facts.{name}": np.array([value], np.int32) for name, value in numbers.items()}
    made["facts.levels"] = np.full(8, 3, np.int32)
    for name, text in (("token_hash", "0123456789abcdef"), ("voice_hash", "fedcba9876543210")):
        made[f"facts.{name}"] = np.frombuffer(bytes.fromhex(text), np.uint8)
    made["coder.hash"] = np.frombuffer(bytes.fromhex(coder.token_hash), np.uint8)
    made["coder.tokens.groups"] = np.array(coder.network.groups, np.int32)
    made |= {f"coder.{name}": value for name, value in tensors.items()}
    write_tensors(path, made)
    return path


def write_seeds(folder: Path) -> list[Path]:
    """An input a file; its first byte chooses what is attacked."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, (part, data) in enumerate(_inputs()):
        paths.append(folder / f"{number}")
        paths[-1].write_bytes(bytes([PARTS.index(part)]) + data)
    return paths


def _inputs() -> Iterator[tuple[str, bytes]]:
    for path in sorted(VECTORS.glob("v2/*.sct")):
        data = path.read_bytes()
        if len(data) < 2000:
            yield "container", data
            if path.name.startswith("stream"):
                yield "joined", b"\x40" + data
    packet = (VECTORS / "v2" / "packet.bin").read_bytes()
    yield "packet", b"\0" + packet
    yield "packet", bytes([3]) + packet[:1] + b"\0" + bytes(64 + 200)
    for data in seeds("wav"):
        for first in (b"\x2a", b"\xff"):
            yield "wav", first + data
    yield "json", json.dumps({"a": [1, -2.5e3, "x\u00e4\U0001f600", None, {"b": {}}]}).encode()
    with tempfile.TemporaryDirectory() as folder:
        yield "weights", write_coder(Path(folder, "coder.sctm")).read_bytes()
