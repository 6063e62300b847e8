"""A toy model, the command line in this process, and sounds."""

from __future__ import annotations

from tests.cli.conftest import model, secousti

__all__ = ["model", "secousti"]
