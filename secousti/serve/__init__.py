"""Streaming sessions over WebSocket: ``secousti serve`` (docs/serving.md). Extra: ``demo``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secousti.serve.options import Limits, ServeOptions

if TYPE_CHECKING:
    from secousti.serve.app import create_app
    from secousti.serve.server import run

__all__ = ["Limits", "ServeOptions", "create_app", "run"]


def __getattr__(name: str) -> object:
    """The application is imported when asked for: clients need neither torch nor FastAPI."""
    if name == "create_app":
        from secousti.serve.app import create_app

        return create_app
    if name == "run":
        from secousti.serve.server import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
