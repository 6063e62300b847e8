"""A ``.sct`` file byte by byte, with what each byte means."""

from __future__ import annotations

from collections.abc import Iterator

from secousti.container.coders import Coders, no_coders
from secousti.container.cursor import Field
from secousti.container.errors import ContainerError
from secousti.container.events import Run, Voice
from secousti.container.reader import Reader
from secousti.container.stream import Readable
from secousti.container.version1.records import shown


def fields(file: Readable, coders: Coders = no_coders) -> Iterator[Field]:
    """Every byte of a whole file, in order.

    Raises:
        ContainerError: what is wrong with the file; the fields before have been returned.
    """
    reader = Reader(file, explain=True, coders=coders)
    told = reader.cursor.fields
    assert told is not None
    try:
        for item in reader.items():
            if isinstance(item, Voice):
                if len(item.codes):
                    _explain(told, "voice", shown(item.codes))
                continue  # a whole file's tokens are read by now, and explained by its run
            if isinstance(item, Run):
                _explain(told, "tokens", shown(item.decode().T.reshape(-1)))
            yield from told
            told.clear()
    except ContainerError:
        yield from told
        raise
    yield from told


def _explain(told: list[Field], meaning: str, better: str) -> None:
    """Say what is in the data that was called ``meaning``."""
    for i, field in enumerate(told):
        if field.meaning == meaning:
            told[i] = Field(field.offset, field.data, better)
