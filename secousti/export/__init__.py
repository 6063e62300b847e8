"""Streaming graphs for other runtimes (see docs/export.md)."""

from secousti.export.write import export

__all__ = ["export"]
