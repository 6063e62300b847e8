"""Plain data to dataclasses and back, and YAML files that build on each other.

``from_dict`` checks every key and type by name, so a typo in a file is one sentence and never a
silently ignored line.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar

from secousti.errors import SecoustiError

T = TypeVar("T")


def within(section: str, config: Any, **ranges: tuple[float, float]) -> None:
    """Check numbers of a dataclass, or each number of a tuple, against their smallest and largest.

    Args:
        section: of the file that they stand in, for messages.
        config: the dataclass; a field that is ``None`` passes.
        ranges: (smallest, largest) for each field.

    Raises:
        SecoustiError: names the first that lies outside.
    """
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        numbers = value if isinstance(value, tuple) else () if value is None else (value,)
        for number in numbers:
            if not low <= number <= high:
                raise SecoustiError(f"{section}.{name} must be {low:g} to {high:g}, found {value}")


def few(section: str, config: Any, **counts: tuple[int, int]) -> None:
    """Check how many numbers tuples of a dataclass hold, as ``within``."""
    for name, (low, high) in counts.items():
        value = getattr(config, name)
        if not low <= len(value) <= high:
            raise SecoustiError(
                f"{section}.{name} must be {low} to {high} numbers, found {len(value)}"
            )


def to_dict(config: Any) -> dict[str, Any]:
    """A dataclass as plain dicts, lists and scalars (JSON-able)."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return plain


def from_dict(cls: type[T], data: Any, where: str = "config", default: T | None = None) -> T:
    """Build the dataclass ``cls`` from plain data.

    A section that names some of its keys leaves the others at the section's own default, which the
    field that holds it may give and which may differ from that of its class.

    Args:
        where: file or section, for messages.
        default: where keys that ``data`` lacks come from; None for the defaults of ``cls``.

    Raises:
        SecoustiError: an unknown key, one that is needed and missing, or a value of the wrong type,
            named with its path.
    """
    if not isinstance(data, dict):
        raise SecoustiError(f"{where}: expected a mapping, found {data!r}")
    hints = _fields(cls)
    unknown = sorted(set(data) - set(hints), key=str)
    if unknown:
        raise SecoustiError(
            f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(hints))}"
        )
    defaults = _defaults(cls) if default is None else _values(default)
    if needed := [name for name in hints if name not in data and name not in defaults]:
        raise SecoustiError(f"{where}: {', '.join(map(repr, needed))} must be given")
    values = {
        name: _convert(hints[name], data[name], f"{where}.{name}", defaults.get(name))
        for name in data
    }
    return cls(**{**defaults, **values})


def _fields(cls: Any) -> dict[str, Any]:
    """The types of what a dataclass is made with."""
    hints = typing.get_type_hints(cls)  # of its class variables, too
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}


def _defaults(cls: Any) -> dict[str, Any]:
    """What the fields of a dataclass are where nothing is said, of those that may be left out."""
    missing = dataclasses.MISSING
    return {
        field.name: field.default if field.default_factory is missing else field.default_factory()
        for field in dataclasses.fields(cls)
        if not (field.default is missing and field.default_factory is missing)
    }


def _values(config: Any) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def _convert(hint: Any, value: Any, where: str, default: Any = None) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_optional(args, value, where, default)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where, default)
    if origin is Literal:
        _check(value in args, where, f"one of {', '.join(map(repr, args))}", value)
        return value
    if origin in (tuple, list):
        _check(isinstance(value, (list, tuple)), where, "a list", value)
        return origin(_convert(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        _check(isinstance(value, dict), where, "a mapping", value)
        return {key: _convert(args[1], item, f"{where}.{key}") for key, item in value.items()}
    if hint is Any:
        return value
    if hint is float:
        # YAML reads "1e-5" as text: accept numbers written that way.
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        _check(math.isfinite(number), where, "a number", value)
        return number
    _check(type(value) is hint, where, f"of type {hint.__name__}", value)
    return value


def _convert_optional(args: tuple[Any, ...], value: Any, where: str, default: Any) -> Any:
    if value is None and type(None) in args:
        return None
    kinds = [arg for arg in args if arg is not type(None)]
    if len(kinds) > 1:
        matches = [kind for kind in kinds if type(value) is kind]
        _check(bool(matches), where, f"one of {kinds}", value)
        return value
    return _convert(kinds[0], value, where, default)


def _check(ok: bool, where: str, expected: str, value: Any) -> None:
    if not ok:
        raise SecoustiError(f"{where}: expected {expected}, found {value!r}")


def read_yaml(path: str | Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A YAML file as a dict; a key ``base: other.yaml`` is read first and overridden.

    Args:
        above: files that name this one as their base.

    Raises:
        SecoustiError: a missing or unreadable file, invalid YAML, a file that is not a mapping, or
            one that is among its own bases.
    """
    import yaml  # most who use this package read no YAML

    path = Path(path)
    if path.resolve() in above:
        raise SecoustiError(f"{path} is among its own bases")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError as error:
        raise SecoustiError(f"no such configuration file: {path}") from error
    except OSError as error:
        raise SecoustiError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SecoustiError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise SecoustiError(f"{path}: expected a mapping at the top")
    base = data.pop("base", None)
    if base is None:
        return data
    _check(isinstance(base, str), f"{path}: base", "the path of a file", base)
    return merge(read_yaml(path.parent / base, (*above, path.resolve())), data)


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` written over it, mapping by mapping."""
    out = dict(base)
    for key, value in changes.items():
        old = out.get(key)
        out[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out
