"""What every test may use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from secousti import SecoustiCodec
from tests.toy import toy_codec


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """Programs that tests start can be interrupted, even if the tests run in the background.

    A shell has its background jobs ignore SIGINT, and so do all programs that they start.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def speech_root() -> Path:
    """The real recordings (``SECOUSTI_SPEECH``, or beside the checkout); skips without them."""
    beside = Path(__file__).parents[1].parent / "shared" / "speech"
    root = Path(os.environ.get("SECOUSTI_SPEECH", beside))
    if not (root / "valid.jsonl").is_file():
        pytest.skip("no recordings: set SECOUSTI_SPEECH to a folder with valid.jsonl")
    return root


@pytest.fixture(params=[((2, 2), "causal"), ((1, 1), "causal"), ((2, 2), "centered")], ids=str)
def codec(request: pytest.FixtureRequest) -> SecoustiCodec:
    """A toy codec of each rate and mel mode."""
    ratios, mode = request.param
    return toy_codec(ratios, mode)
