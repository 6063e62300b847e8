"""JSON from a file of unknown origin."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from secousti.container.limits import MAX_NESTING


def parse_object(body: bytes) -> dict[str, Any]:
    """The object that ``body`` (UTF-8) spells.

    Raises:
        ValueError: it is not JSON, not an object, nested too deeply, or holds what JSON has no
            word for (NaN, infinities, half a surrogate pair).
    """
    text = body.decode("utf-8")
    if _depth(text) > MAX_NESTING:
        raise ValueError(f"it is nested more than {MAX_NESTING} levels deep")
    values = json.loads(text, parse_constant=_refuse)
    if not isinstance(values, dict):
        raise ValueError("it is not an object")
    try:
        json.dumps(values, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("its text holds half a surrogate pair") from error
    return values


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _depth(text: str) -> int:
    """The deepest nesting of brackets outside strings."""
    depth = deepest = 0
    quoted = escaped = False
    for character in text:
        if quoted:
            escaped, quoted = character == "\\" and not escaped, escaped or character != '"'
        elif character == '"':
            quoted = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest
