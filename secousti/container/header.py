"""The header: who made the file and what its records mean."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from secousti.container.bits import MAX_CODEBOOK, MIN_CODEBOOK
from secousti.container.errors import (
    ContainerError,
    CorruptedError,
    TruncatedError,
    UnsupportedError,
)
from secousti.container.json_text import parse_object
from secousti.container.limits import (
    MAX_CODEBOOKS,
    MAX_FRAME_SIZE,
    MAX_RATE,
    MAX_TEXT,
    MAX_VOICE,
    MIN_RATE,
)
from secousti.container.stream import Readable, read_exactly, read_up_to

MAGIC = b"\x89SCT"
VERSION = 1
PAYLOADS = ("packed", "entropy")
MAX_JSON = (1 << 16) - 1


@dataclass(frozen=True)
class Header:
    """Fields of the JSON header; those that hold their default are not written.

    Attributes:
        model: the id of the codec that made the tokens; ``weights``: its weight hash.
        sample_rate: Hz of the codec; ``frame_size``: its samples per frame of tokens.
        codebook_size: entries of each codebook; ``num_codebooks``: tokens per frame.
        levels: digits of a token (FSQ levels), for the entropy models; empty: one digit.
        payload: ``packed``, or ``entropy`` when token runs may be range-coded.
        paralinguistic: numbers in a paralinguistic record, 0 if there are none.
        source_sample_rate: Hz of the recording before resampling, if known.
        num_samples: samples at ``sample_rate``, if known when the file was begun.
        extra: whatever else a codec needs, JSON values only.

    Raises:
        ContainerError: a value of the wrong type or out of range.
    """

    model: str
    weights: str
    sample_rate: int
    frame_size: int
    codebook_size: int
    num_codebooks: int = 1
    levels: tuple[int, ...] = ()
    payload: str = "packed"
    paralinguistic: int = 0
    source_sample_rate: int | None = None
    num_samples: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(isinstance(self.levels, (tuple, list)), "levels", "a list")
        object.__setattr__(self, "levels", tuple(self.levels))
        _check_text("model", self.model)
        _check_text("weights", self.weights)
        _check_int("sample_rate", self.sample_rate, MIN_RATE, MAX_RATE)
        _check_int("frame_size", self.frame_size, 1, MAX_FRAME_SIZE)
        _check_int("codebook_size", self.codebook_size, MIN_CODEBOOK, MAX_CODEBOOK)
        _check_int("num_codebooks", self.num_codebooks, 1, MAX_CODEBOOKS)
        _check_int("paralinguistic", self.paralinguistic, 0, MAX_VOICE)
        _check(self.payload in PAYLOADS, "payload", f"one of {', '.join(PAYLOADS)}")
        _check(isinstance(self.extra, Mapping), "extra", "an object")
        for level in self.levels:
            _check_int("levels", level, 2, MAX_CODEBOOK)
        if self.levels:
            _check(math.prod(self.levels) == self.codebook_size, "levels", "of the codebook's size")
        if self.source_sample_rate is not None:
            _check_int("source_sample_rate", self.source_sample_rate, MIN_RATE, MAX_RATE)
        if self.num_samples is not None:
            _check_int("num_samples", self.num_samples, 0, 1 << 62)

    @property
    def frame_rate(self) -> float:
        """Frames of tokens per second."""
        return self.sample_rate / self.frame_size

    @property
    def digits(self) -> tuple[int, ...]:
        """Alphabets of a token's digits: ``levels``, or the whole codebook as one digit."""
        return self.levels or (self.codebook_size,)

    def to_bytes(self) -> bytes:
        """Magic, version, length, JSON, CRC-32."""
        body = _to_json(self)
        if len(body) > MAX_JSON:
            raise ContainerError(f"the header is {len(body)} bytes of JSON; {MAX_JSON} fit")
        head = MAGIC + bytes([VERSION]) + len(body).to_bytes(2, "little") + body
        return head + zlib.crc32(head).to_bytes(4, "little")


def read_header(file: Readable) -> tuple[Header, int]:
    """The header at the file's position, and its size in bytes.

    Raises:
        ContainerError: empty, not a ``.sct`` file, of a newer version, cut short, or damaged.
    """
    magic = read_up_to(file, len(MAGIC))
    if not magic:
        raise TruncatedError("it is empty")
    if magic != MAGIC[: len(magic)]:
        raise ContainerError("it is not a .sct file (it begins with other bytes)")
    fixed = read_exactly(file, 3, "the header") if len(magic) == len(MAGIC) else b""
    if not fixed:
        raise TruncatedError("it ends inside the header")
    if fixed[0] != VERSION:
        raise UnsupportedError(
            f"it has format version {fixed[0]}, and this secousti reads version {VERSION}: "
            "update secousti"
        )
    body = read_exactly(file, int.from_bytes(fixed[1:], "little"), "the header")
    crc = read_exactly(file, 4, "the header")
    if zlib.crc32(magic + fixed + body) != int.from_bytes(crc, "little"):
        raise CorruptedError("the header is damaged (its checksum is wrong)")
    return _from_json(body), len(magic) + len(fixed) + len(body) + len(crc)


def _to_json(header: Header) -> bytes:
    values = {f.name: getattr(header, f.name) for f in fields(header)}
    written = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if name in _REQUIRED or (value not in (None, (), 0, {}) and value != _DEFAULTS.get(name))
    }
    try:
        text = json.dumps(written, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8")
    except (TypeError, ValueError) as error:
        raise ContainerError(f"the header's extra fields are not JSON: {error}") from error


def _from_json(body: bytes) -> Header:
    try:
        values = parse_object(body)
        known = {f.name for f in fields(Header)}
        # Fields of a later minor revision: kept, so that copying a file loses nothing.
        unknown = {name: value for name, value in values.items() if name not in known}
        chosen = {name: value for name, value in values.items() if name in known}
        if unknown:
            chosen["extra"] = {**chosen.get("extra", {}), **unknown}
        return Header(**chosen)
    except ContainerError:
        raise
    except (ValueError, TypeError) as error:
        raise CorruptedError(f"its header is not valid: {error}") from error


def _check(ok: bool, name: str, expected: str) -> None:
    if not ok:
        raise ContainerError(f"the header's {name} must be {expected}")


def _check_text(name: str, value: Any) -> None:
    """Names are shown to people: nothing that moves a terminal's cursor."""
    ok = isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable()
    _check(ok, name, f"text of at most {MAX_TEXT} printable characters")


def _check_int(name: str, value: Any, low: int, high: int) -> None:
    ok = type(value) is int and low <= value <= high
    _check(ok, name, f"a whole number from {low} to {high}, not {value!r}")


_REQUIRED = ("model", "weights", "sample_rate", "frame_size", "codebook_size", "payload")
_DEFAULTS = {"num_codebooks": 1}
