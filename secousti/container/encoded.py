"""Between ``.sct`` files and :class:`secousti.Encoded`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from secousti.container.accounting import Accounting
from secousti.container.coders import Coder, Coders, no_coders
from secousti.container.errors import ContainerError
from secousti.container.events import End, Event, Tokens, Voice
from secousti.container.header import LEARNED, PACKED, Header, same_hash
from secousti.container.reader import Reader
from secousti.container.stream import Readable, Writable
from secousti.container.writer import Writer
from secousti.encoded import Encoded
from secousti.voice import dequantize, quantize

if TYPE_CHECKING:
    from secousti.base import Codec


def codec_header(codec: Codec, **changes: Any) -> Header:
    """The header of files that ``codec`` makes; ``changes`` are fields of ``Header``.

    Tokens are coded as learned and voices in the codec's own code if it brings these along.
    """
    coder = codec.coder
    fields: dict[str, Any] = {
        "token_hash": codec.token_hash,
        "voice_hash": codec.voice_hash,
        "sample_rate": codec.sample_rate,
        "frame_size": codec.frame_size,
        "codebook_size": codec.codebook_size,
        "num_codebooks": codec.num_codebooks,
        "levels": codec.levels,
        "paralinguistic": codec.voice_size,
        "payload": PACKED if coder is None or coder.network is None else LEARNED,
        "voice_form": int(coder is not None and coder.codes_voices),
    }
    return Header(**{**fields, **{name: v for name, v in changes.items() if v is not None}})


def check_codec(header: Header, codec: Codec, name: str) -> None:
    """Tokens mean nothing to a codec that does not make the same.

    Raises:
        ContainerError: ``codec`` does not read the tokens of the file ``name``.
    """
    if not reads_tokens(header, codec):
        made = (
            f"token hash {header.token_hash}"
            if header.token_hash
            else (f"the model {header.model!r}, weights {header.weights}")
        )
        raise ContainerError(
            f"{name} holds tokens of another codec ({made}) than {codec.model_id!r} (token hash "
            f"{codec.token_hash}, weights {codec.weight_hash}): name the right one with --model"
        )
    for field in ("sample_rate", "frame_size", "codebook_size", "num_codebooks"):
        if getattr(header, field) != getattr(codec, field):
            raise ContainerError(
                f"{name} says {field} {getattr(header, field)}, its model {getattr(codec, field)}"
            )
    size = codec.voice_size
    if header.paralinguistic not in (0, size):
        raise ContainerError(
            f"{name} says a voice is {header.paralinguistic} numbers, its model {size}"
        )


def reads_tokens(header: Header, codec: Codec) -> bool:
    """Whether the tokens of a file are those that ``codec`` makes."""
    if header.token_hash:
        return same_hash(header.token_hash, codec.token_hash)
    return header.weights == codec.weight_hash


def reads_voices(header: Header, codec: Codec) -> bool:
    """Whether the voices of a file, if it has any, are those that ``codec`` knows."""
    if not header.paralinguistic or not header.token_hash:
        return True
    return same_hash(header.voice_hash, codec.voice_hash)


def codec_coders(codec: Codec) -> Coders:
    """The codec's own coder for files that it reads; without its voices for other voices."""

    def coders(header: Header) -> Sequence[Coder]:
        if codec.coder is None:
            return ()
        return [codec.coder if reads_voices(header, codec) else codec.coder.without_voice()]

    return coders


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
    file: Writable,
    encoded: Encoded,
    header: Header,
    source_num_samples: int = 0,
    coder: Coder | None = None,
) -> Accounting:
    """Write one recording (a batch of one) as a whole ``.sct`` file; where its bits went."""
    writer = Writer(file, header, coder=coder)
    for event in encoded_events(encoded, source_num_samples):
        writer.put(event)
    return writer.bits


def read_encoded(
    file: Readable, name: str = "the file", coders: Coders = no_coders
) -> tuple[Encoded, Header]:
    """A whole ``.sct`` file as a batch of one; of several voices the last, best known one.

    Args:
        coders: for a file with learned codes, those of its codec (``codec_coders``).

    Raises:
        ContainerError: anything wrong with the file, also that it is cut short.
    """
    reader = Reader(file, name, coders=coders)
    return gather(reader, reader.header)[0], reader.header


def gather(events: Iterable[Event], header: Header) -> tuple[Encoded, End]:
    """All events of a recording as a batch of one, and their end."""
    runs, voice, end = [np.zeros((header.num_codebooks, 0), np.int64)], None, End(0, 0, 0)
    for event in events:
        if isinstance(event, Tokens):
            runs.append(event.codes)
        elif isinstance(event, Voice):
            voice = voice_vector(event) if len(event.codes) else None
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


def load_encoded(path: str | Path, coders: Coders = no_coders) -> Encoded:
    """``read_encoded`` of a path."""
    with open(path, "rb") as file:
        return read_encoded(file, str(path), coders)[0]
