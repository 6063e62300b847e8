"""The C code of files under sanitizers: altered bytes, and allocations that fail.

``python -m benchmarks.fuzz_files`` does the same for as long as you like.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.native import fuzzing


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def run(program: Path, folder: Path, runs: int) -> str:
    made = fuzzing.write_coder(folder / "coder.sctm")
    seeds = fuzzing.write_seeds(folder / "seeds")
    command = [str(program), str(made), str(runs), "0", *map(str, seeds)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.mark.parametrize("trusting", [False, True])
def test_altered_bytes_under_sanitizers(folder: Path, trusting: bool) -> None:
    program = fuzzing.alone(folder / f"fuzz-{trusting}", trusting)
    assert "runs of each of" in run(program, folder, 25)


def test_every_allocation_may_fail(folder: Path) -> None:
    program = fuzzing.alone(folder / "failing", False, failing=True)
    assert "runs of each of" in run(program, folder, 0)
