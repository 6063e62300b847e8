"""Between ``.sct`` files and :class:`secousti.Encoded`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from secousti.container.accounting import Accounting
from secousti.container.errors import ContainerError
from secousti.container.events import End, Event, Tokens, Voice
from secousti.container.header import Header
from secousti.container.reader import Reader
from secousti.container.stream import Readable, Writable
from secousti.container.writer import Writer
from secousti.encoded import Encoded
from secousti.paralinguistic.wire import dequantize, quantize

if TYPE_CHECKING:
    from secousti.base import Codec


def codec_header(codec: Codec, **changes: Any) -> Header:
    """The header of files that ``codec`` makes; ``changes`` are fields of ``Header``."""
    fields: dict[str, Any] = {
        "model": codec.model_id,
        "weights": codec.weight_hash,
        "sample_rate": codec.sample_rate,
        "frame_size": codec.frame_size,
        "codebook_size": codec.codebook_size,
        "num_codebooks": codec.num_codebooks,
        "levels": codec.levels if changes.get("payload") == "entropy" else (),
        "paralinguistic": codec.voice_size,
    }
    return Header(**{**fields, **changes})


def check_codec(header: Header, codec: Codec, name: str) -> None:
    """Tokens mean nothing to other weights than those that made them.

    Raises:
        ContainerError: ``codec`` is not the one that made the file ``name``.
    """
    if header.weights != codec.weight_hash:
        raise ContainerError(
            f"{name} was made by the model {header.model!r} (weights {header.weights}), not by "
            f"{codec.model_id!r} (weights {codec.weight_hash}): name the right one with --model"
        )
    for field in ("sample_rate", "frame_size", "codebook_size", "num_codebooks"):
        if getattr(header, field) != getattr(codec, field):
            raise ContainerError(
                f"{name} says {field} {getattr(header, field)}, its model {getattr(codec, field)}"
            )
    size = codec_header(codec).paralinguistic
    if header.paralinguistic not in (0, size):
        raise ContainerError(
            f"{name} says a voice is {header.paralinguistic} numbers, its model {size}"
        )


def encoded_events(encoded: Encoded, source_num_samples: int = 0) -> Iterator[Event]:
    """One recording (a batch of one) as the events of a file.

    Raises:
        ContainerError: more recordings than one.
    """
    if len(encoded) != 1:
        raise ContainerError(f"a .sct file holds one recording, found a batch of {len(encoded)}")
    row = encoded[0]
    if row.paralinguistic is not None:
        yield Voice(0, quantize(row.paralinguistic[0]).cpu().numpy())
    codes = row.codes[0].cpu().numpy()
    if codes.shape[1]:
        yield Tokens(0, codes)
    yield End(codes.shape[1], int(row.num_samples[0]), source_num_samples)


def write_encoded(
    file: Writable, encoded: Encoded, header: Header, source_num_samples: int = 0
) -> Accounting:
    """Write one recording (a batch of one) as a whole ``.sct`` file; where its bits went."""
    writer = Writer(file, header)
    for event in encoded_events(encoded, source_num_samples):
        writer.put(event)
    return writer.bits


def read_encoded(file: Readable, name: str = "the file") -> tuple[Encoded, Header]:
    """A whole ``.sct`` file as a batch of one; of several voices the last, best known one.

    Raises:
        ContainerError: anything wrong with the file, also that it is cut short.
    """
    reader = Reader(file, name)
    return gather(reader, reader.header)[0], reader.header


def gather(events: Iterable[Event], header: Header) -> tuple[Encoded, End]:
    """All events of a recording as a batch of one, and their end."""
    runs, voice, end = [np.zeros((header.num_codebooks, 0), np.int64)], None, End(0, 0, 0)
    for event in events:
        if isinstance(event, Tokens):
            runs.append(event.codes)
        elif isinstance(event, Voice):
            voice = voice_vector(event)
        else:
            end = event
    codes = torch.from_numpy(np.concatenate(runs, axis=1))[None]
    encoded = Encoded(
        codes=codes,
        lengths=torch.tensor([codes.shape[-1]]),
        num_samples=torch.tensor([end.num_samples]),
        sample_rate=header.sample_rate,
        codebook_size=header.codebook_size,
        paralinguistic=voice,
    )
    return encoded, end


def voice_vector(voice: Voice) -> torch.Tensor:
    """float32 [1, N] in [-1, 1]."""
    return dequantize(torch.from_numpy(voice.codes.copy()))[None]


def load_encoded(path: str | Path) -> Encoded:
    """``read_encoded`` of a path."""
    with open(path, "rb") as file:
        return read_encoded(file, str(path))[0]
