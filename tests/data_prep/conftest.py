"""Shared fixtures: the development speech where it exists."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def speech() -> Path:
    """The folder of the development corpus; tests that need it are skipped without it."""
    default = Path(__file__).parents[3] / "shared" / "speech"
    folder = Path(os.environ.get("SECOUSTI_SPEECH", default))
    if not (folder / "train.jsonl").is_file():
        pytest.skip("the development speech is not here; set SECOUSTI_SPEECH")
    return folder
