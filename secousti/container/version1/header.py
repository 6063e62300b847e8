"""The header of version 1: JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from secousti.container.cursor import Cursor
from secousti.container.errors import ContainerError, CorruptedError
from secousti.container.header import ADAPTIVE, PACKED, Header
from secousti.container.json_text import parse_object

_FIELDS = {f.name for f in fields(Header)} - {
    "token_hash",
    "voice_hash",
    "coder_hash",
    "voice_form",
}
_PAYLOADS = {"packed": PACKED, "entropy": ADAPTIVE}


def read_header(cursor: Cursor) -> Header:
    """The header, of which magic and version have been read.

    Raises:
        ContainerError: cut short, damaged, or not what a header may say.
    """
    size = int.from_bytes(cursor.take(2, "bytes of JSON"), "little")
    cursor.explain(f"{size} bytes of JSON follow")
    body = cursor.take(size, "JSON")
    wanted = cursor.crc32
    crc = cursor.take(4, "CRC-32 of the header")
    if wanted != int.from_bytes(crc, "little"):
        raise CorruptedError("the header is damaged (its checksum is wrong)")
    return _from_json(body)


def _from_json(body: bytes) -> Header:
    try:
        values = parse_object(body)
        # Fields of a later minor revision: kept, so that copying a file loses nothing.
        unknown = {name: value for name, value in values.items() if name not in _FIELDS}
        chosen = {name: value for name, value in values.items() if name in _FIELDS}
        if unknown:
            chosen["extra"] = {**chosen.get("extra", {}), **unknown}
        return Header(**_required(chosen), payload=_payload(chosen.pop("payload", "packed")))
    except ContainerError:
        raise
    except (ValueError, TypeError) as error:
        raise CorruptedError(f"its header is not valid: {error}") from error


def _payload(word: Any) -> str:
    if not isinstance(word, str) or word not in _PAYLOADS:
        raise ContainerError(f"the header's payload must be one of {', '.join(_PAYLOADS)}")
    return _PAYLOADS[word]


def _required(values: dict[str, Any]) -> dict[str, Any]:
    for name in ("model", "weights"):
        if name not in values:
            raise ValueError(f"its {name} is missing")
    return {name: value for name, value in values.items() if name != "payload"}
