"""A ``.sct`` file byte by byte, with what each byte means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from secousti.container import records
from secousti.container.events import End, Event, Tokens, Voice, parse
from secousti.container.header import MAGIC, Header, read_header
from secousti.container.records import CRC_SIZE, Record, read_body, read_head
from secousti.container.stream import Readable
from secousti.container.varint import decode_varint

_KINDS = {
    records.VOICE: "paralinguistic state",
    records.PACKED: "packed tokens",
    records.CODED: "range-coded tokens",
    records.END: "end",
}


@dataclass(frozen=True)
class Field:
    """Consecutive bytes of a file and what they mean."""

    offset: int
    data: bytes
    meaning: str


def fields(file: Readable) -> Iterator[Field]:
    """Every byte of a whole file, in order.

    Raises:
        ContainerError: what is wrong with the file; the fields before have been returned.
    """
    offset = 0
    for data, meaning in _parts(file):
        yield Field(offset, data, meaning)
        offset += len(data)


class _Tee:
    """Passes reads on and remembers what was read."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._taken = b""

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._taken += data
        return data

    def take(self) -> bytes:
        """What was read since the last call."""
        data, self._taken = self._taken, b""
        return data


def _parts(file: Readable) -> Iterator[tuple[bytes, str]]:
    tee = _Tee(file)
    header, _ = read_header(tee)
    yield from _header_parts(tee.take())
    while (head := read_head(tee)) is not None:
        record = read_body(tee, head)
        raw = tee.take()
        yield raw[:1], f"record: {_KINDS.get(head.kind, 'one to skip')}"
        yield raw[1 : len(head.raw)], f"{head.length} bytes follow"
        yield from _body_parts(record, header)
        yield raw[-CRC_SIZE:], "CRC-32 of the record"


def _header_parts(raw: bytes) -> Iterator[tuple[bytes, str]]:
    size, start = len(MAGIC), len(MAGIC) + 3
    yield raw[:size], "magic"
    yield raw[size : size + 1], f"version {raw[size]}"
    yield raw[size + 1 : start], f"{len(raw) - start - CRC_SIZE} bytes of JSON follow"
    yield raw[start:-CRC_SIZE], raw[start:-CRC_SIZE].decode()
    yield raw[-CRC_SIZE:], "CRC-32 of the header"


def _body_parts(record: Record, header: Header) -> Iterator[tuple[bytes, str]]:
    event, body = parse(record, header), record.body
    if isinstance(event, Voice):
        numbers: tuple[str, ...] = ("from frame",)
    elif isinstance(event, Tokens):
        numbers = ("from frame", "frames")
    elif isinstance(event, End):
        numbers = ("frames", "samples", "samples of the source")
    else:
        numbers = ()
    offset = 0
    for name in numbers:
        value, end = decode_varint(body, offset)
        yield body[offset:end], f"{name}: {value}"
        offset = end
    if record.kind == records.CODED:
        yield body[offset : offset + 1], f"entropy model {body[offset]}"
        offset += 1
    if offset < len(body):
        yield body[offset:], _shown(event)


def _shown(event: Event | None) -> str:
    """The first values of a record's data."""
    if event is None or isinstance(event, End):
        return "data"
    values = event.codes.T.reshape(-1)
    most = " ".join(map(str, values[:8].tolist()))
    return f"{most} ..." if len(values) > 8 else most
