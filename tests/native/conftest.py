"""One build of the C code for all tests here."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from secousti.entropy import LearnedCoder, load_coder
from tests.entropy.toy import likely_tokens
from tests.native import files, library

VECTORS = Path(__file__).parents[1] / "vectors"
CODER = load_coder(VECTORS / "v2" / "coder.safetensors")


def likely(coder: LearnedCoder, count: int, seed: int) -> NDArray[np.int64]:
    """Tokens [count] that the coder expects; a few random bytes are the code of none."""
    for number in range(100):
        try:
            return likely_tokens(coder, count, 1000 * seed + number)
        except ValueError:
            continue
    raise AssertionError("no tokens")


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The container, the coder and WAV as a shared library."""
    target = tmp_path_factory.mktemp("native") / "sct.so"
    return library.load(library.build(target, "-shared", "-fPIC"))


@pytest.fixture(scope="session")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The same, taking every checksum for right."""
    target = tmp_path_factory.mktemp("native") / "trusting.so"
    flags = ("-shared", "-fPIC", "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION")
    return library.load(library.build(target, *flags))


@pytest.fixture(scope="session")
def coder(native: ctypes.CDLL) -> files.Held:
    """The learned coder of the vectors."""
    return files.Held(native, CODER, load_file(VECTORS / "v2" / "coder.safetensors"))
