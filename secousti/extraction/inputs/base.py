"""What every kind of input offers."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator

from secousti.extraction.items import Item, Task
from secousti.extraction.storage import size_of


class Source(ABC):
    """A corpus cut into tasks. Picklable: workers open their own files.

    The cut depends on the input alone, never on timing or on the number of workers: this is
    what makes an interrupted run end in the same bytes.
    """

    @abstractmethod
    def tasks(self) -> list[Task]:
        """Every task, in order."""

    @abstractmethod
    def items(self, task: Task) -> Iterator[Item]:
        """The recordings of a task, in order.

        A container that ends early raises OSError or tarfile.TarError after its last whole item.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Changes when the input does (its list, not every byte of its audio)."""


def fingerprint_of_files(locations: list[str]) -> str:
    """A hash over names and sizes."""
    digest = hashlib.blake2b(digest_size=16)
    for location in locations:
        digest.update(f"{location}\0{size_of(location)}\0".encode())
    return digest.hexdigest()
