"""Text messages of the client: JSON objects, checked field by field."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from secousti.serve.errors import Refused
from secousti.serve.packets import FORMATS, voice_codes
from secousti.sessions.concealment import DEFAULT, STRATEGIES, Strategy

KINDS = ("encode", "decode", "roundtrip", "convert")
MIN_RATE, MAX_RATE = 8000, 48000
MAX_SEED = 2**53  # what JSON numbers hold exactly
_UNSET: Any = object()


@dataclass(frozen=True)
class Pcm:
    """Raw mono audio: ``format`` ``s16le`` or ``f32le``, ``rate`` in Hz."""

    format: str
    rate: int


@dataclass(frozen=True)
class Start:
    """What a session is to do; see docs/serving.md. Voices are still base64."""

    kind: str
    model: str | None
    input: Pcm | None
    output: Pcm | None
    voice: str | None
    voice_refresh: float | None
    loss: float
    burst: float | None
    seed: int
    concealment: Strategy
    tokens: bool
    mel: bool
    result: bool
    samples: int | None

    @property
    def encodes(self) -> bool:
        """Whether sound comes in."""
        return self.kind != "decode"

    @property
    def decodes(self) -> bool:
        """Whether sound goes out."""
        return self.kind != "encode"


@dataclass(frozen=True)
class Change:
    """``set``: what is to be different from the next token on; ``None`` for what stays.

    ``burst`` may be set to ``None``: ``sets_burst``; so may the voice: ``own_voice``.
    """

    loss: float | None
    burst: float | None
    sets_burst: bool
    seed: int | None
    concealment: Strategy | None
    voice: NDArray[np.int8] | None
    own_voice: bool

    @property
    def changes_channel(self) -> bool:
        """Whether other tokens are lost from here on."""
        return self.loss is not None or self.seed is not None or self.sets_burst


def parse_json(text: str) -> dict[str, Any]:
    """A text message.

    Raises:
        Refused: no JSON object with a ``type``.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("bad_message", "a text message must be JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Refused("bad_message", "a text message must be a JSON object with a type")
    return message


def parse_start(message: Mapping[str, Any]) -> Start:
    """The message ``start``.

    Raises:
        Refused: an unknown or missing field, or a value out of range.
    """
    fields = _Fields(message, "start")
    kind = fields.choice("kind", KINDS)
    start = Start(
        kind=kind,
        model=fields.text("model"),
        input=fields.pcm("input"),
        output=fields.pcm("output"),
        voice=fields.text("voice"),
        voice_refresh=fields.number("voice_refresh", 1, 3600),
        loss=fields.number("loss", 0, 1) or 0.0,
        burst=fields.number("burst", 1, 1000),
        seed=int(fields.number("seed", 0, MAX_SEED, whole=True) or 0),
        concealment=cast(Strategy, fields.choice("concealment", STRATEGIES, DEFAULT)),
        tokens=fields.flag("tokens", True) or kind == "encode",
        mel=fields.flag("mel", False),
        result=fields.flag("result", False),
        samples=cast("int | None", fields.number("samples", 0, 2**40, whole=True)),
    )
    fields.nothing_else()
    if start.encodes and start.input is None:
        raise Refused("bad_message", f"a session of kind {kind} needs an input format and rate")
    if kind == "convert" and start.voice is None:
        raise Refused("bad_message", "a session of kind convert needs a voice")
    return start


def parse_change(message: Mapping[str, Any], voice_size: int) -> Change:
    """The message ``set``.

    Raises:
        Refused: as ``parse_start``.
    """
    fields = _Fields(message, "set")
    voice = fields.text("voice")
    change = Change(
        loss=fields.number("loss", 0, 1),
        burst=fields.number("burst", 1, 1000),
        sets_burst="burst" in message,
        seed=cast("int | None", fields.number("seed", 0, MAX_SEED, whole=True)),
        concealment=cast("Strategy | None", fields.choice("concealment", STRATEGIES, None)),
        voice=None if voice is None else parse_voice(voice, voice_size),
        own_voice="voice" in message and voice is None,
    )
    fields.nothing_else()
    return change


def parse_voice(text: str, size: int) -> NDArray[np.int8]:
    """base64 of a voice -> int8 [size].

    Raises:
        Refused: it is not.
    """
    try:
        return voice_codes(base64.b64decode(text, validate=True), size)
    except (binascii.Error, ValueError) as error:
        raise Refused("bad_message", f"a voice is base64 of {size} bytes: {error}") from error


def parse_ping(message: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to ``ping``.

    Raises:
        Refused: an ``id`` that is no number or short string.
    """
    value = message.get("id")
    short = isinstance(value, str) and len(value) <= 64
    if not (value is None or short or _is_number(value)) or set(message) - {"type", "id"}:
        raise Refused("bad_message", "a ping has an id, a number or at most 64 characters")
    return {"type": "pong", "id": value}


def _is_number(value: Any) -> bool:
    """Finite, and small enough for a float: Python's JSON reads any number of digits."""
    if type(value) not in (int, float):
        return False
    return abs(value) < 1e300 and math.isfinite(value)


class _Fields:
    """The fields of one message, each taken once."""

    def __init__(self, message: Mapping[str, Any], what: str) -> None:
        self._message = message
        self._what = what
        self._taken = {"type"}

    def nothing_else(self) -> None:
        """Refuse fields that nobody asked for."""
        unknown = sorted(set(self._message) - self._taken)
        if unknown:
            raise Refused("bad_message", f"{self._what} has no field {unknown[0][:40]!r}")

    def _take(self, name: str) -> Any:
        self._taken.add(name)
        return self._message.get(name)

    def _fail(self, name: str, expected: str) -> Refused:
        return Refused("bad_message", f"{name} of {self._what} must be {expected}")

    def text(self, name: str) -> str | None:
        value = self._take(name)
        if value is not None and not isinstance(value, str):
            raise self._fail(name, "text")
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self._take(name)
        if value is not None and not isinstance(value, bool):
            raise self._fail(name, "true or false")
        return default if value is None else value

    def choice(self, name: str, choices: tuple[str, ...], default: Any = _UNSET) -> Any:
        value = self._take(name)
        if value is None and default is not _UNSET:
            return default
        if not isinstance(value, str) or value not in choices:
            raise self._fail(name, f"one of {', '.join(choices)}")
        return value

    def number(self, name: str, low: float, high: float, whole: bool = False) -> float | None:
        value = self._take(name)
        if value is None:
            return None
        if not _is_number(value) or not low <= value <= high or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            raise self._fail(name, f"{kind} from {low:g} to {high:g}")
        return int(value) if whole else float(value)

    def pcm(self, name: str) -> Pcm | None:
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._fail(name, "an object with format and rate")
        fields = _Fields(value, name)
        fmt = fields.choice("format", tuple(FORMATS))
        rate = fields.number("rate", MIN_RATE, MAX_RATE, whole=True)
        if rate is None:
            raise self._fail(name, "an object with format and rate")
        fields._taken.discard("type")
        fields.nothing_else()
        return Pcm(fmt, int(rate))
