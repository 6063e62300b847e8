"""What every kind of input offers."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from secousti.extraction.items import Item, Task


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

    def files(self, task: Task) -> Iterable[str]:
        """The files that hold the recordings of a task: its own, unless it only names them."""
        return [task.location]

    @abstractmethod
    def fingerprint(self) -> str:
        """Changes when the list of tasks does; what is in them is the business of ``files``."""


def fingerprint_of_files(locations: list[str]) -> str:
    """A hash over names."""
    names = "\0".join(locations).encode(errors="surrogateescape")
    return hashlib.blake2b(names, digest_size=16).hexdigest()
