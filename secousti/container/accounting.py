"""Where every bit of a file goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Accounting:
    """Bits on disk, counted apart; together they are the file to the bit.

    Attributes:
        tokens: the token data of packed or range-coded runs.
        side_information: the numbers of paralinguistic records.
        container: all else: header, framing, frame numbers, checksums, end record.
    """

    tokens: int = 0
    side_information: int = 0
    container: int = 0

    @property
    def total(self) -> int:
        """All bits read or written so far."""
        return self.tokens + self.side_information + self.container

    def include(self, other: Accounting) -> None:
        """Count another's bits too."""
        self.tokens += other.tokens
        self.side_information += other.side_information
        self.container += other.container

    def add(self, size: int, tokens: int = 0, side_information: int = 0) -> None:
        """Count ``size`` bytes, of which so many bits are not the container's."""
        self.tokens += tokens
        self.side_information += side_information
        self.container += 8 * size - tokens - side_information
