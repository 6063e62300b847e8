"""What passes through the pipeline: recordings to come, token rows, faults, tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor

from secousti.audio.io import WHOLE, load_audio
from secousti.errors import SecoustiError
from secousti.extraction.storage import is_url, read_bytes
from secousti.manifest import Piece

ABOUT = ("text", "phonemes", "speaker", "language")  # carried along where known


@dataclass(frozen=True)
class Task:
    """The part of the input that becomes output shard ``index``.

    ``location`` with ``start`` and ``stop`` means what its source says (bytes of a listing, row
    groups of a Parquet file). ``weight`` measures progress: ``per_item`` of it for each item.
    ``alone``: one recording at a time, announcing each, without those at the places ``skip``: how a
    task is done that ended its workers.
    """

    index: int
    location: str
    start: int = 0
    stop: int = 0
    weight: float = 1.0
    per_item: float = 0.0
    alone: bool = False
    skip: tuple[int, ...] = ()


@dataclass(frozen=True)
class Item:
    """One recording. ``load`` returns mono float32 [N] and its rate in Hz, or raises."""

    id: str
    load: Callable[[], tuple[Tensor, int]]
    about: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """A recording that was skipped, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Begun:
    """The recording at ``place`` of its task is about to be worked on."""

    place: int


@dataclass(frozen=True)
class Progress:
    """Work since the last event: of the task's weight, and seconds of audio."""

    weight: float
    seconds: float


@dataclass(frozen=True)
class TokenRow:
    """One utterance of the output.

    ``codes`` uint16 [K * L], codebooks of a frame together; ``paralinguistic`` int8 [64], the
    wire form (times 1/127), or ``None``; ``num_samples`` at the codec's rate.
    """

    id: str
    codes: np.ndarray
    num_samples: int
    duration: float
    paralinguistic: np.ndarray | None
    about: dict[str, str]


def load_anywhere(location: str, piece: Piece = WHOLE) -> tuple[Tensor, int]:
    """A recording behind a path or URL, or a piece of it: mono float32 [N] and Hz.

    Raises:
        SecoustiError: missing, not audio, empty, NaN among the samples, or a piece outside it.
    """
    if not is_url(location):
        return load_audio(Path(location), piece)
    if location.startswith("file://"):
        return load_audio(Path(location.removeprefix("file://")), piece)
    try:
        data = read_bytes(location)
    except OSError as error:
        raise SecoustiError(f"no such audio file: {location}") from error
    return load_audio(data, piece, location)


def broken(reason: str) -> Callable[[], tuple[Tensor, int]]:
    """A ``load`` that fails: for entries known to be bad before they are opened."""

    def load() -> tuple[Tensor, int]:
        raise SecoustiError(reason)

    return load
