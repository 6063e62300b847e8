"""What can be wrong with a ``.sct`` file."""

from __future__ import annotations

from secousti.errors import SecoustiError


class ContainerError(SecoustiError):
    """A ``.sct`` file that cannot be read."""


class TruncatedError(ContainerError):
    """The file ends too early; every whole record before that point is good."""


class CorruptedError(ContainerError):
    """Bytes have changed: a checksum, a count or a value is wrong."""


class UnsupportedError(ContainerError):
    """A sound file that needs a newer secousti."""
