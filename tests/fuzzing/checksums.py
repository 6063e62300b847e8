"""Checksums that are always right, so that altered bytes reach what lies behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from secousti.container import cursor, packet
from secousti.container.version2 import records, stream, whole


class Right(int):
    """A checksum that every other equals."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0

    def __xor__(self, other: int) -> Right:
        return self


def _right(*_: object) -> Right:
    return Right()


@contextmanager
def believed() -> Iterator[None]:
    """Within, no checksum of a container or a packet is ever wrong."""
    every = SimpleNamespace(crc32=_right, crc_hqx=_right)
    with patch.object(packet, "_crc8", _right):
        patches = [
            patch.object(module, name, every)
            for module in (cursor, records, stream, whole)
            for name in ("zlib", "binascii")
            if hasattr(module, name)
        ]
        for each in patches:
            each.start()
        try:
            yield
        finally:
            for each in patches:
                each.stop()
