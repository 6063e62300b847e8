"""Bulk tokens: a corpus in, resumable shards of token rows out (see docs/extraction.md)."""

from secousti.extraction.run import extract

__all__ = ["extract"]
